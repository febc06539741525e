from __future__ import annotations

import pytest

from lightship.images.formats import image_format


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"GIF89a", "GIF"),
        (b"RIFF\x00\x00\x00\x00WEBP", "WebP"),
        (b"BM", "BMP"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"GIF88a", None),
        (b"", None),
    ],
)
def test_a_format_is_recognized_by_its_first_bytes(start: bytes, name: str | None) -> None:
    assert image_format(start) == name
