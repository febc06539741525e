"""What hostile images would cost is refused before anything is decoded."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib

import pytest
from PIL import Image
from tests.image_samples import encode

from lightship.errors import InvalidArgument, TooLarge
from lightship.images import opening
from lightship.images.decode import decode_image
from lightship.images.decoding_memory import ImageHeader
from lightship.images.jpeg import MAX_SCANS, count_scans
from lightship.images.opening import MAX_PARTS, image_size, open_image
from lightship.images.prepare import prepare
from lightship.images.spec import FITS, ImageSpec
from lightship.memory_budget import MemoryBudget

EMPTY_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"
END = b"\xff\xd9"
SPEC = ImageSpec(32, 32, preprocessing="none")


def progressive(side: int = 64, scans: int = 0) -> bytes:
    """A progressive JPEG with its usual ten scans, and further ones without content."""
    data = encode(Image.effect_noise((side, side), 50).convert("RGB"), "JPEG", progressive=True)
    assert data.endswith(END)
    return data[: -len(END)] + EMPTY_SCAN * scans + END


def test_the_scans_of_a_jpeg_are_limited() -> None:
    usual = count_scans(progressive())
    assert usual == 10
    decode_image(progressive(scans=MAX_SCANS - usual), "rgb")
    with pytest.raises(TooLarge, match="has 257 scans; at most 256 are allowed"):
        open_image(progressive(scans=MAX_SCANS - usual + 1))
    with pytest.raises(TooLarge, match="has 5010 scans"):
        open_image(progressive(scans=5000))


def test_the_scans_of_a_large_jpeg_have_a_lower_limit() -> None:
    image = Image.new("L", (8000, 8000))
    data = encode(image, "JPEG", progressive=True, quality=10)
    with pytest.raises(TooLarge, match="100 scans|10[0-9] scans"):
        open_image(data[: -len(END)] + EMPTY_SCAN * 100 + END)


def test_markers_in_metadata_and_in_pixels_are_no_scans() -> None:
    data = encode(Image.effect_noise((64, 64), 90), "JPEG", progressive=True, restart_marker_blocks=1)
    preview = b"\xff\xe1" + struct.pack(">H", 2 + 20_000) + b"\xff\xda" * 10_000
    with_preview = data[:2] + preview + data[2:]
    assert with_preview.count(b"\xff\xda") > MAX_SCANS
    assert count_scans(with_preview) == count_scans(data)
    decode_image(with_preview, "rgb")


def test_fill_bytes_do_not_hide_scans() -> None:
    hidden = b"\xff" * 3 + EMPTY_SCAN
    data = progressive()
    with pytest.raises(TooLarge, match="scans"):
        open_image(data[: -len(END)] + hidden * 1000 + END)


def test_what_follows_the_end_of_a_jpeg_is_not_counted() -> None:
    assert count_scans(progressive() + EMPTY_SCAN * 1000) == 10


@pytest.mark.parametrize(
    "metadata",
    [b"\xff\xe5\x00\x02" * 2000, b"\0" * 100_000, b"\xff" * 100_000, b"\xff\x00" * 2000, b"\xff\xd0" * 2000],
    ids=["segments", "zeros", "fill bytes", "stuffed", "restarts"],
)
def test_what_stands_before_the_picture_of_a_jpeg_is_limited(metadata: bytes) -> None:
    data = encode(Image.new("RGB", (8, 8)), "JPEG")
    with pytest.raises(InvalidArgument, match="before its picture"):
        open_image(data[:20] + metadata + data[20:])  # behind the first segment


def test_the_metadata_of_a_camera_is_not_too_much() -> None:
    profile, exif = bytes(3_000_000), b"Exif\0\0" + bytes(60_000)
    data = encode(Image.new("RGB", (8, 8)), "JPEG", icc_profile=profile, exif=exif)
    assert decode_image(data, "rgb").shape == (8, 8, 3)


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt"])
def test_the_chunks_of_a_png_are_limited(kind: bytes) -> None:
    data = encode(Image.new("RGB", (8, 8)), "PNG")
    many = data[:33] + chunk(kind) * MAX_PARTS + data[33:]
    with pytest.raises(InvalidArgument, match=f"more than {MAX_PARTS} chunks"):
        open_image(many)


def test_the_blocks_before_the_picture_of_a_gif_are_limited() -> None:
    data = encode(Image.new("P", (8, 8)), "GIF")
    start = data.index(b",")
    comment = b"\x21\xfe" + b"\x01a" * (MAX_PARTS + 1) + b"\0"
    with pytest.raises(InvalidArgument, match="blocks before its picture"):
        open_image(data[:start] + comment + data[start:])
    empty = b"\x21\xfe\0" * (MAX_PARTS + 1)
    with pytest.raises(InvalidArgument, match="blocks before its picture"):
        open_image(data[:start] + empty + data[start:])


def rle(width: int, height: int, content: bytes) -> bytes:
    palette = bytes(1024)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(content), 0, 0, 256, 0)
    offset = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(content), 0, 0, offset) + header + palette + content


def test_run_length_encoded_bmps_are_limited() -> None:
    assert decode_image(rle(16, 2, b"\x10\x00\x00\x00" * 2 + b"\x00\x01"), "rgb").shape == (2, 16, 3)
    with pytest.raises(TooLarge, match=f"8000 x 8000 = 64000000 pixels.*at most {opening.MAX_RLE_PIXELS} pixels"):
        open_image(rle(8000, 8000, b"\x00\x01"))
    with pytest.raises(TooLarge, match=f"{opening.MAX_RLE_BYTES} bytes are allowed"):
        open_image(rle(8, 8, bytes(opening.MAX_RLE_BYTES)))


def test_an_animation_costs_as_much_as_its_first_frame() -> None:
    frames = [Image.effect_noise((256, 256), 50 + index).convert("P") for index in range(100)]
    for kind in ("GIF", "WEBP", "PNG"):
        file = io.BytesIO()
        images = frames if kind == "GIF" else [frame.convert("RGB") for frame in frames]
        images[0].save(file, kind, save_all=True, append_images=images[1:])
        one = encode(images[0], kind)
        begun = time.process_time()
        for _ in range(3):
            decode_image(one, "rgb")
        single = time.process_time() - begun
        begun = time.process_time()
        for _ in range(3):
            decode_image(file.getvalue(), "rgb")
        assert time.process_time() - begun < 20 * single + 0.5, kind


@pytest.mark.parametrize("fit", FITS)
def test_whatever_the_fit_a_photo_beyond_the_budget_is_refused_before_it_is_decoded(fit: str) -> None:
    budget, data = MemoryBudget(64 << 20), encode(Image.new("RGB", (5000, 5000)), "PNG")
    with budget.reservation() as memory, pytest.raises(TooLarge, match="memory budget"):
        prepare(data, ImageSpec(32, 32, fit=fit, preprocessing="none"), memory=memory)
    assert budget.taken == 0


def test_an_input_that_is_padded_beyond_the_budget_is_refused_before_it_is_made() -> None:
    budget, data = MemoryBudget(64 << 20), encode(Image.new("RGB", (5, 5)), "PNG")
    with budget.reservation() as memory, pytest.raises(TooLarge, match="memory budget"):
        prepare(data, ImageSpec(16384, 16384, fit="crop_or_pad", preprocessing="none"), memory=memory)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_the_memory_of_pixels_is_reserved_before_they_are_decoded(kind: str) -> None:
    budget = MemoryBudget(64 << 20)
    data = encode(Image.new("RGB", (5000, 5000)), kind)
    with budget.reservation() as memory:
        prepare(encode(Image.new("RGB", (400, 400)), kind), SPEC, memory=memory)
        with pytest.raises(TooLarge, match="memory budget of all requests is 67108864 bytes"):
            prepare(data, SPEC, memory=memory)
    assert budget.taken == 0


def test_a_webp_is_refused_before_its_canvas_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "WebPImageFile", None)
    headers: list[ImageHeader] = []

    def refuse(header: ImageHeader) -> None:
        headers.append(header)
        raise TooLarge("no")

    with pytest.raises(TooLarge, match="no"):
        open_image(encode(Image.new("RGB", (300, 200)), "WEBP"), before_pixels=refuse)
    assert [(header.width, header.height) for header in headers] == [(300, 200)]


MEASURE = """
import io, sys
from pathlib import Path
from lightship.images.decoding_memory import decoding_memory
from lightship.images.opening import open_image
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec

def resident(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

data = sys.stdin.buffer.read()
spec = ImageSpec(224, 224, color=sys.argv[1], family=sys.argv[2], fit=sys.argv[4], preprocessing="none")
from PIL import Image
small = io.BytesIO()
Image.new("RGB", (300, 300)).save(small, sys.argv[3])
prepare(small.getvalue(), spec)
headers = []
open_image(data, before_pixels=headers.append)
before = resident("VmHWM")
prepare(data, spec)
print(resident("VmHWM") - before, decoding_memory(headers[0], spec))
"""


@pytest.mark.slow
@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
@pytest.mark.parametrize("color", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
        ("JPEG", "CMYK", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("GIF", "P", {"transparency": 0}),
        ("WEBP", "RGBA", {"lossless": True}),
    ],
)
def test_the_memory_at_the_peak_is_at_most_what_is_estimated(
    kind: str, mode: str, options: dict[str, object], color: str, family: str
) -> None:
    check_peak(kind, mode, options, color, family, "stretch")


@pytest.mark.slow
@pytest.mark.parametrize(("color", "family"), [("rgba", "pillow"), ("grayscale", "pillow"), ("rgb", "tensorflow")])
def test_the_memory_of_a_photo_that_is_not_resized_is_at_most_what_is_estimated(color: str, family: str) -> None:
    check_peak("PNG", "RGBA", {}, color, family, "crop_or_pad")


def check_peak(kind: str, mode: str, options: dict[str, object], color: str, family: str, fit: str) -> None:
    image = Image.effect_noise((300, 200), 50).convert("RGB").convert(mode).resize((3000, 2000))
    command = [sys.executable, "-c", MEASURE, color, family, kind, fit]
    ended = subprocess.run(command, input=encode(image, kind, **options), capture_output=True, check=True)
    peak, estimate = map(int, ended.stdout.split())
    assert peak <= estimate + (4 << 20)
    assert estimate <= 32 * 6_000_000


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
def test_the_size_of_an_image_is_known_without_its_pixels(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(Image.new("RGB", (31, 17)), form)
    if form == "WEBP":  # whose decoder would allocate the whole canvas
        monkeypatch.setattr(opening, "WebPImageFile", None)
    assert image_size(data) == (31, 17)
    with pytest.raises(TooLarge, match="at most 100 are allowed"):
        image_size(data, max_pixels=100)
    with pytest.raises(InvalidArgument, match="is not JPEG, PNG, BMP, GIF or WebP"):
        image_size(b"no image")
