from __future__ import annotations

import contextlib
import re
import struct
import warnings
import zlib
from io import BytesIO

import keras
import numpy as np
import pytest
from PIL import Image
from tests.image_samples import encode, png_chunk, png_of

from lightship.errors import InvalidArgument, LightshipError, TooLarge
from lightship.images.decode import convert_as_tensorflow, decode_image
from lightship.images.opening import open_image

KINDS = ("jpeg", "png", "gif", "bmp", "webp")


@pytest.mark.parametrize("color", ["rgb", "grayscale", "rgba"])
def test_pixels_are_those_of_load_img(images: dict[str, bytes], color: str) -> None:
    for name, data in images.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # load_img warns of several transparent entries in a palette
            expected = keras.utils.img_to_array(keras.utils.load_img(BytesIO(data), color_mode=color))
        np.testing.assert_array_equal(decode_image(data, color), expected, err_msg=name)


def test_exif_rotation_is_left_alone(images: dict[str, bytes]) -> None:
    assert decode_image(images["jpeg-exif"], "rgb").shape == (207, 291, 3)


# TensorFlow's default for JPEG is a faster and rougher transform, hence the accurate one here.
@pytest.mark.parametrize(("color", "channels"), [("rgb", 3), ("grayscale", 1)])
def test_jpeg_and_png_pixels_are_those_of_tensorflow(images: dict[str, bytes], color: str, channels: int) -> None:
    import tensorflow as tf

    for name, data in images.items():
        if name.startswith(("gif", "bmp", "webp")) or (name, color) == ("jpeg-cmyk", "grayscale"):
            continue
        if name.startswith("jpeg"):
            expected = tf.io.decode_jpeg(data, channels=channels, dct_method="INTEGER_ACCURATE").numpy()
        else:
            expected = tf.io.decode_png(data, channels=channels).numpy()
        difference = np.abs(convert_as_tensorflow(open_image(data), color).astype(int) - expected)
        assert difference.max() <= (1 if name == "png-rgb16" else 0), name


def test_transparent_pixels_of_a_gif_are_black_in_the_family_tensorflow(photo: Image.Image) -> None:
    import tensorflow as tf

    data = encode(photo.quantize(20), "GIF", transparency=3)
    expected = tf.io.decode_image(data, expand_animations=False).numpy()
    np.testing.assert_array_equal(convert_as_tensorflow(open_image(data), "rgb"), expected)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_alpha_of_a_grey_png_is_that_of_tensorflow(depth: int, transparent: bool) -> None:
    import tensorflow as tf

    rows = np.random.default_rng(1).integers(0, 256, (9, 4 * depth), np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    first = int.from_bytes(raw[1:3], "big") >> 16 - depth
    extra = [png_chunk(b"tRNS", struct.pack(">H", first))] if transparent else []
    data = png_of(32, 9, depth, 0, zlib.compress(raw), *extra)
    np.testing.assert_array_equal(
        convert_as_tensorflow(open_image(data), "rgba"), tf.io.decode_png(data, channels=4).numpy()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_images_are_refused(images: dict[str, bytes], kind: str) -> None:
    data = next(data for name, data in images.items() if name.startswith(kind))
    for length in (3, 11, 20, 40, len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(InvalidArgument, match="decoded|is not JPEG|at least one pixel"):
            decode_image(data[:length], "rgb")


@pytest.mark.parametrize("data", [b"", b"hello world", b"\x00" * 99, b"%PDF-1.7 ...", b"II*\x00" + b"\0" * 60])
def test_other_bytes_are_refused_with_what_to_send(data: bytes) -> None:
    with pytest.raises(
        InvalidArgument, match=re.escape("0 bytes") if not data else "is not JPEG, PNG, BMP, GIF or WebP"
    ):
        decode_image(data, "rgb")


def test_formats_beyond_the_five_are_never_opened(photo: Image.Image) -> None:
    for kind in ("TIFF", "PPM", "ICO", "TGA", "PCX"):
        with pytest.raises(
            InvalidArgument,
            match="the image is not JPEG, PNG, BMP, GIF or WebP: it begins with .*; convert it to one of these",
        ):
            decode_image(encode(photo.resize((32, 32)), kind), "rgb")


def _bombs() -> dict[str, bytes]:
    sides = struct.pack("<2H", 60000, 60000)
    small = Image.new("RGB", (8, 8))
    jpeg = encode(small, "JPEG")
    frame = jpeg.index(b"\xff\xc0") + 5
    webp_canvas = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + struct.pack("<I", 16383)[:3] * 2
    return {
        "png": png_of(60000, 60000, 8, 2, zlib.compress(b"\0" * 1000)),
        "png line": png_of(1_000_000, 1, 8, 2, zlib.compress(b"\0" * 1000)),
        "jpeg": jpeg[:frame] + struct.pack(">2H", 60000, 60000) + jpeg[frame + 4 :],
        "gif": b"GIF89a" + sides + b"\0\0\0," + b"\0" * 4 + sides + b"\0\2",
        "gif frame": b"GIF89a" + struct.pack("<2H", 8, 8) + b"\0\0\0," + b"\0" * 4 + sides + b"\0\2",
        "bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 99, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0),
        "webp": b"RIFF" + struct.pack("<I", 22) + b"WEBP" + webp_canvas,
    }


@pytest.mark.parametrize("kind", sorted(_bombs()))
def test_a_bomb_is_refused_by_its_header(kind: str) -> None:
    with pytest.raises(TooLarge, match="pixels"):
        open_image(_bombs()[kind])


def test_the_limit_is_the_callers(images: dict[str, bytes]) -> None:
    with pytest.raises(TooLarge, match="291 x 207 = 60237 pixels; at most 60000 are allowed"):
        decode_image(images["webp-lossy"], "rgb", max_pixels=60000)
    assert decode_image(images["webp-lossy"], "rgb", max_pixels=60237).shape == (207, 291, 3)


def test_large_but_allowed_images_do_not_warn() -> None:
    data = encode(Image.new("1", (10_000, 9_500)), "PNG")  # beyond the size that Pillow warns of
    assert open_image(data, max_pixels=10**8).size == (10_000, 9_500)


def test_odd_metadata_neither_warns_nor_costs(images: dict[str, bytes]) -> None:
    bomb = png_chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(80_000_000)))
    animation = png_chunk(b"acTL", bytes(8))
    png = images["png-rgb"]
    data = png[:33] + bomb + animation + png[33:]
    np.testing.assert_array_equal(decode_image(data, "rgb"), decode_image(png, "rgb"))
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x1a\x01\x05\0\xff\xff\xff\xff\xff\xff\xff\xff" * 9
    decode_image(encode(Image.new("RGB", (9, 9)), "JPEG", exif=exif), "rgb")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_images_give_pixels_or_one_of_our_errors(images: dict[str, bytes], kind: str) -> None:
    random = np.random.default_rng(3)
    data = next(data for name, data in images.items() if name.startswith(kind))
    for _ in range(60):
        damaged = bytearray(data)
        for position in random.integers(0, min(len(data), 400), 4):
            damaged[position] = random.integers(256)
        with contextlib.suppress(LightshipError):
            assert decode_image(bytes(damaged), "rgb").dtype == np.uint8
