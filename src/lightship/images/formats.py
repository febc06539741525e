"""The image formats that Lightship reads: the first bytes of each."""

from __future__ import annotations

JPEG_SIGNATURE = b"\xff\xd8\xff"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GIF_PREFIX = b"GIF8"
GIF_SIGNATURES = (GIF_PREFIX + b"7a", GIF_PREFIX + b"9a")
BMP_SIGNATURE = b"BM"
RIFF_SIGNATURE, WEBP_SIGNATURE = b"RIFF", b"WEBP"  # a WebP file has the second at byte 8
# The first byte of a file of each format. JSON begins with none of them.
FIRST_BYTES = frozenset(
    signature[:1] for signature in (JPEG_SIGNATURE, PNG_SIGNATURE, GIF_PREFIX, BMP_SIGNATURE, RIFF_SIGNATURE)
)


def image_format(data: bytes) -> str | None:
    """Returns "JPEG", "PNG", "GIF", "WebP" or "BMP", judged by the first bytes, and None for anything else."""
    if data[:3] == JPEG_SIGNATURE:
        return "JPEG"
    if data[:8] == PNG_SIGNATURE:
        return "PNG"
    if data[:6] in GIF_SIGNATURES:
        return "GIF"
    if data[:4] == RIFF_SIGNATURE and data[8:12] == WEBP_SIGNATURE:
        return "WebP"
    return "BMP" if data[:2] == BMP_SIGNATURE else None
