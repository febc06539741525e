"""The C extension gives Pillow's own result, bit for bit, and Pillow's errors."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from tests.image_samples import encode

from lightship.errors import LightshipError
from lightship.images import extension, native_resize
from lightship.images.decode import convert_as_pillow
from lightship.images.native_resize import knows_pillow, resize_image, resize_jpeg
from lightship.images.opening import open_image
from lightship.images.prepare import prepare
from lightship.images.resize import resize_as_pillow
from lightship.images.spec import METHODS, ImageSpec

native = extension.native
pytestmark = pytest.mark.skipif(native is None or not extension.reads_jpeg, reason="the C extension was not built")

FITS = ("stretch", "crop", "pad")
SPECS = st.builds(
    ImageSpec,
    st.integers(1, 70),
    st.integers(1, 70),
    color=st.sampled_from(("rgb", "grayscale")),
    resize=st.sampled_from(METHODS["pillow"]),
    fit=st.sampled_from(FITS),
    preprocessing=st.just("none"),
)


def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Half of the pixels are black or white, so that sums leave 0..255 and are limited."""
    pixels = np.random.default_rng(seed).integers(-128, 384, (height, width, len(mode))).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels)


def by_pillow(data: bytes, spec: ImageSpec) -> NDArray[np.uint8] | str:
    try:
        pixels = np.asarray(resize_as_pillow(convert_as_pillow(open_image(data), spec.color), spec))
    except LightshipError as error:
        return f"{type(error).__name__}: {error}"
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def check_jpeg(data: bytes, spec: ImageSpec) -> None:
    expected = by_pillow(data, spec)
    for plain in (False, True):
        got = resize_jpeg(data, open_image(data), spec, plain=plain)
        if isinstance(expected, str):
            assert got is None
        elif got is None:
            assert max(open_image(data).size) > 400 * min(spec.size)  # nobody shrinks photos like that
        else:
            np.testing.assert_array_equal(got, expected)


def check_image(image: Image.Image, spec: ImageSpec) -> None:
    expected = np.asarray(resize_as_pillow(image, spec))
    for plain in (False, True):
        got = resize_image(image, spec, plain=plain)
        assert got is not None
        np.testing.assert_array_equal(got, expected if expected.ndim == 3 else expected[..., np.newaxis])


@settings(max_examples=200, deadline=None)
@given(
    SPECS,
    st.integers(1, 150),
    st.integers(1, 150),
    st.sampled_from((0, 1, 2)),
    st.booleans(),
    st.integers(5, 100),
    st.integers(0, 9),
)
def test_a_jpeg_becomes_what_pillow_makes_of_it(
    spec: ImageSpec, width: int, height: int, subsampling: int, progressive: bool, quality: int, seed: int
) -> None:
    image = noise(width, height, "RGB" if spec.color == "rgb" else "L", seed)
    check_jpeg(encode(image, "JPEG", quality=quality, progressive=progressive, subsampling=subsampling), spec)


@settings(max_examples=200, deadline=None)
@given(SPECS, st.integers(1, 150), st.integers(1, 150), st.integers(0, 9))
def test_decoded_pixels_become_what_pillow_makes_of_them(spec: ImageSpec, width: int, height: int, seed: int) -> None:
    image = noise(width, height, "RGB" if spec.color == "rgb" else "L", seed)
    if image.size != spec.size[::-1] and not isinstance(by_pillow(encode(image, "PNG"), spec), str):
        check_image(image, spec)


@pytest.mark.parametrize("method", METHODS["pillow"])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (3000, 1), (1000, 800), (5, 4), (40, 40), (4001, 17)])
def test_extreme_sizes_are_resized_as_by_pillow(size: tuple[int, int], method: str, fit: str) -> None:
    data = encode(noise(*size), "JPEG", quality=95)
    for height, width in ((40, 40), (1, 1), (50, 301), (7, 1)):
        check_jpeg(data, ImageSpec(height, width, resize=method, fit=fit, preprocessing="none"))


@pytest.mark.parametrize("method", METHODS["pillow"])
def test_a_grey_jpeg_becomes_a_model_s_colours(method: str) -> None:
    data = encode(noise(301, 199, "L"), "JPEG")
    check_jpeg(data, ImageSpec(64, 48, resize=method, preprocessing="none"))


def test_a_jpeg_of_red_green_and_blue_is_not_taken_for_one_of_luma() -> None:
    data = encode(noise(90, 70), "JPEG", keep_rgb=True, quality=90)
    check_jpeg(data, ImageSpec(33, 44, resize="bicubic", preprocessing="none"))


def test_restart_markers_are_decoded_as_by_pillow() -> None:
    for sampling in (0, 1, 2):
        data = encode(noise(101, 77), "JPEG", subsampling=sampling, restart_marker_blocks=3)
        check_jpeg(data, ImageSpec(32, 32, resize="lanczos", preprocessing="none"))


@pytest.mark.parametrize("color", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize("fit", [*FITS, "crop_or_pad"])
def test_every_kind_of_image_is_the_same_without_the_extension(
    images: dict[str, bytes], color: str, fit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [
        ImageSpec(*size, color=color, fit=fit, resize=method, preprocessing="none")
        for size, method in (((61, 47), "bicubic"), ((291, 207), "lanczos"), ((207, 291), "box"), ((300, 8), "nearest"))
    ]
    given = {(name, spec): prepare(data, spec) for name, data in images.items() for spec in specs}
    monkeypatch.setattr(extension, "native", None)
    for (name, spec), pixels in given.items():
        np.testing.assert_array_equal(prepare(images[name], spec), pixels, err_msg=f"{name} {spec}")


def test_a_photo_with_an_orientation_is_not_turned(images: dict[str, bytes]) -> None:
    check_jpeg(images["jpeg-exif"], ImageSpec(50, 70, resize="bicubic", preprocessing="none"))


def test_what_needs_a_conversion_is_left_to_pillow(images: dict[str, bytes]) -> None:
    def refused(name: str, **options: Any) -> bool:
        spec = ImageSpec(32, 32, preprocessing="none", **options)
        return resize_jpeg(images[name], open_image(images[name]), spec) is None

    assert refused("jpeg-cmyk")
    assert refused("png-rgb")
    assert refused("jpeg-color", color="grayscale")
    assert refused("jpeg-color", color="rgba")
    assert refused("jpeg-color", family="tensorflow")
    assert refused("jpeg-color", fit="crop_or_pad")


def outcome(data: bytes, spec: ImageSpec) -> bytes | str:
    try:
        return prepare(data, spec).tobytes()
    except LightshipError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", ["jpeg-color", "jpeg-progressive", "jpeg-grey", "jpeg-exif"])
def test_a_broken_jpeg_has_the_same_outcome_as_with_pillow(
    images: dict[str, bytes], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(name)
    whole = images[name]
    spec = ImageSpec(24, 24, resize="bicubic", preprocessing="none")
    broken = [whole[: len(whole) * part // 40] for part in range(40)] + [whole[:-2], whole[:-1], whole + b"more"]
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(data) if chance.random() < 0.5 else 700)
            data[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        broken.append(bytes(data))
    native_outcomes = [outcome(data, spec) for data in broken]
    monkeypatch.setattr(extension, "native", None)
    assert native_outcomes == [outcome(data, spec) for data in broken]
    assert {type(one) for one in native_outcomes} == {bytes, str}


def test_several_threads_resize_at_once() -> None:
    spec = ImageSpec(64, 64, resize="bicubic", preprocessing="none")
    photos = [encode(noise(300 + number, 200, seed=number), "JPEG") for number in range(8)]
    expected = [by_pillow(data, spec) for data in photos]
    wrong: list[int] = []

    def resize(number: int) -> None:
        for _ in range(20):
            got = resize_jpeg(photos[number], open_image(photos[number]), spec)
            if got is None or not np.array_equal(got, expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=resize, args=(number,)) for number in range(len(photos))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_pillow_that_resizes_in_another_order_is_noticed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert knows_pillow()
    rules: list[Callable[[int, int, int, int], bool]] = [
        lambda width, height, out_width, out_height: False,
        lambda width, height, out_width, out_height: height > out_height,
        lambda width, height, out_width, out_height: height - out_height > 2 * (width - out_width),
        lambda width, height, out_width, out_height: (
            height > out_height and height - out_height >= 2 * (width - out_width)
        ),
        lambda width, height, out_width, out_height: (
            height > out_height and height - out_height > 2 * (width - out_width) + 1
        ),
    ]
    data = encode(noise(40, 30), "JPEG")
    for rule in rules:
        monkeypatch.setattr(native_resize, "columns_first", rule)
        knows_pillow.cache_clear()
        assert not knows_pillow()
        assert resize_jpeg(data, open_image(data), ImageSpec(8, 8, resize="box", preprocessing="none")) is None
    assert "resizes in a way that is not known" in caplog.text
    knows_pillow.cache_clear()


ONES = np.full((2, 1), 1 << 22, np.int32)
FIRST = np.array([0, 1], np.int32)


@pytest.mark.parametrize(
    ("columns", "out"),
    [
        ((np.array([0, 2], np.int32), ONES), np.empty((2, 2), np.uint8)),
        ((np.array([-1, 0], np.int32), ONES), np.empty((2, 2), np.uint8)),
        ((FIRST, np.full((2, 2), 1, np.int32)), np.empty((2, 2), np.uint8)),
        ((FIRST, ONES[:1]), np.empty((2, 2), np.uint8)),
        ((np.empty(0, np.int32), ONES), np.empty((2, 2), np.uint8)),
        ((FIRST, ONES), np.empty((2, 1), np.uint8)),
        ((FIRST, ONES), np.empty((2, 2, 4), np.uint8)),
    ],
    ids=["beyond", "before", "too wide", "too few", "empty", "small result", "large result"],
)
def test_nothing_outside_of_the_buffers_is_read_or_written(columns: Any, out: NDArray[np.uint8]) -> None:
    assert native is not None
    array = Image.new("L", (2, 2)).__arrow_c_array__()[1]
    with pytest.raises(ValueError, match="weights|result|axis"):
        native.resize_image(array, 2, 2, 1, columns, (FIRST, ONES), out, False, False)


def test_pixels_of_another_size_are_refused() -> None:
    assert native is not None
    out = np.empty((2, 2), np.uint8)
    for image in (Image.new("L", (2, 3)), Image.new("RGB", (2, 2))):
        with pytest.raises(ValueError, match="does not hold these pixels"):
            native.resize_image(image.__arrow_c_array__()[1], 2, 2, 1, (FIRST, ONES), (FIRST, ONES), out, False, False)
