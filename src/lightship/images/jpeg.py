"""Limits the work that a JPEG file can cause, before it is decoded.

A progressive file draws its picture in scans, and each scan goes over the whole picture: a scan of ten bytes takes as
long as a large one.
"""

from __future__ import annotations

from typing import NamedTuple

from lightship.errors import InvalidArgument, TooLarge
from lightship.images.extension import native

# Encoders write about ten scans.
MAX_SCANS = 256
# 64 scans of the largest picture, which take about two seconds.
MAX_SCANNED_PIXELS = 64 * 64_000_000
# The limits of what comes before the picture. Pillow reads it in Python, and keeps it. A colour profile may take 255
# segments of 64 KiB.
_MAX_SEGMENTS = 1024
_MAX_SEGMENT_BYTES = 32 << 20
_MAX_JUNK_BYTES = 64 << 10

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_STANDALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})  # these have no content; 0 is a byte of a scan, not a marker
_SCAN_MARKER = b"\xff\xda"


class _Marker(NamedTuple):
    """A marker, where its content begins and ends, and the bytes before it that belong to nothing."""

    code: int
    begin: int
    end: int
    skipped: int


def check_jpeg_head(data: bytes) -> None:
    """Raises InvalidArgument if there is more before the picture than a camera or a program writes."""
    position, segments, size, skipped = 2, 0, 0, 0
    while (marker := _next(data, position)) is not None:
        segments, size, skipped = segments + 1, size + marker.end - marker.begin, skipped + marker.skipped
        if segments > _MAX_SEGMENTS or size > _MAX_SEGMENT_BYTES or skipped > _MAX_JUNK_BYTES:
            raise InvalidArgument(
                f"the JPEG image has {segments} segments of {size} bytes and {skipped} other bytes before its picture; "
                f"at most {_MAX_SEGMENTS} segments of {_MAX_SEGMENT_BYTES} bytes and {_MAX_JUNK_BYTES} other bytes are "
                "allowed: remove its metadata"
            )
        if marker.code in (_START_OF_SCAN, _END_OF_IMAGE):
            return
        position = marker.end


def check_jpeg_scans(data: bytes, width: int, height: int) -> int:
    """Returns the number of scans. Raises TooLarge for too many, or too many for a picture of this size."""
    scans = count_scans(data)
    if scans > MAX_SCANS:
        raise TooLarge(f"the JPEG image has {scans} scans; at most {MAX_SCANS} are allowed: encode it again")
    if scans * width * height > MAX_SCANNED_PIXELS:
        raise TooLarge(
            f"the JPEG image has {scans} scans of {width} x {height} pixels; scans times pixels may be at most "
            f"{MAX_SCANNED_PIXELS}: encode it again, with fewer scans"
        )
    return scans


def count_scans(data: bytes) -> int:
    """Returns the number of scans, or at most `MAX_SCANS` if there are no more than that.

    Each scan begins with the same two bytes, and these cannot occur within a scan. They can occur in metadata, such as
    a preview; only if there are many, the file is read marker by marker.
    """
    found = data.count(_SCAN_MARKER) if native is None else native.count_markers(data, _START_OF_SCAN)
    if found <= MAX_SCANS:
        return found
    scans, position = 0, 2
    while (marker := _next(data, position)) is not None and marker.code != _END_OF_IMAGE:
        scans += marker.code == _START_OF_SCAN
        position = marker.end
    return scans


def _next(data: bytes, position: int) -> _Marker | None:
    """Returns the first marker from a position on, or None at the end. Bytes of a scan are skipped."""
    start = data.find(b"\xff", position)
    if start < 0:
        return None
    code_at = start + 1
    while code_at < len(data) and data[code_at] == 0xFF:  # a marker may be preceded by any number of these
        code_at += 1
    if code_at >= len(data):
        return None
    code, begin, skipped = data[code_at], code_at + 1, code_at - 1 - position
    if code in _STANDALONE or code == _END_OF_IMAGE:
        return _Marker(code, begin, begin, skipped)
    length = int.from_bytes(data[begin : begin + 2], "big")
    return _Marker(code, begin, begin + max(2, length), skipped)
