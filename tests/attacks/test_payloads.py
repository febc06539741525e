"""What the attacks send is what it should be."""

from __future__ import annotations

import gzip
import io
import json

from benchmarks.attacks import payloads
from PIL import Image


def test_a_gzip_holds_the_text() -> None:
    text = payloads.numbers(3_000_000, 4)
    assert gzip.decompress(text.gzipped()) == text.written()
    assert len(text.gzipped()) < 30_000


def test_numbers_are_instances_of_a_width() -> None:
    for width, depth in ((0, 0), (1, 1), (4, 4)):
        instances = json.loads(payloads.numbers(10_000, width).written())["instances"]
        assert len(instances) > 50
        assert {len(row) if depth else 0 for row in (instances if depth else [])} <= {depth}


def test_spaces_are_a_body() -> None:
    text = payloads.spaces(2_000_000)
    assert len(text.written()) > 2_000_000
    assert json.loads(gzip.decompress(text.gzipped())) == {"instances": [1.0]}


def test_chunks_are_the_body() -> None:
    assert payloads.chunks(b"abc") == b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"
    assert payloads.chunks(b"abc", 2) == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


def test_a_jpeg_has_so_many_scans_and_can_be_decoded() -> None:
    jpeg = payloads.jpeg_of_scans(20, side=64)
    assert sum(segment.startswith(b"\xff\xda") for segment in payloads.segments(jpeg)) > 20
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    assert image.size == (64, 64)
    assert 700_000 < len(payloads.jpeg_of_scans(5000)) < 850_000


def test_a_png_of_millions_of_pixels_is_small() -> None:
    png = payloads.png_of_pixels()
    assert len(png) < 10_000
    assert Image.open(io.BytesIO(png)).size == (8000, 8000)


def test_nested_lists_are_never_closed() -> None:
    assert payloads.nested(19) == b'[{"":1},[{"":1},[{"'
