from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lightship.errors import InvalidArgument
from lightship.images.prepare import prepare
from lightship.images.resize import resize_as_tensorflow
from lightship.images.spec import CHANNELS, METHODS, ImageSpec

SIZES = [(224, 224), (97, 300), (331, 33), (207, 291)]
SIDES = st.integers(1, 40)

# Of 255. What is left is the order of float32 additions; docs/guides/images.md has the same figures.
EXACT = {"bilinear", "nearest"}
CLOSE = 0.001


@pytest.fixture(scope="module")
def pixels(photo: Image.Image) -> list[NDArray[np.uint8]]:
    """Large, odd, narrow, tiny, and already of a wanted size."""
    whole = np.asarray(photo)
    return [whole, whole[:211, :307], whole[:300, :41], whole[40:43, 7:12], whole[100:307, 200:491]]


def spec(size: tuple[int, int], method: str, **options: Any) -> ImageSpec:
    return ImageSpec(*size, resize=method, preprocessing="none", **options)


def worst(pixels: list[NDArray[np.uint8]], of_ours: Callable[..., Any], of_theirs: Callable[..., Any]) -> float:
    return max(float(np.abs(of_ours(a, s) - of_theirs(a, s)).max()) for a in pixels for s in SIZES)


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("method", METHODS["pillow"])
def test_the_family_pillow_is_load_img_to_the_last_bit(photos: list[Path], method: str, crop: bool) -> None:
    for path, color in zip(photos[8:11], ("rgb", "grayscale", "rgba"), strict=True):
        for size in SIZES:
            options: dict[str, Any] = {"color_mode": color, "target_size": size, "keep_aspect_ratio": crop}
            expected = keras.utils.load_img(path, interpolation=method, **options)
            got = prepare(path.read_bytes(), spec(size, method, color=color, fit="crop" if crop else "stretch"))
            np.testing.assert_array_equal(got, keras.utils.img_to_array(expected))


@pytest.mark.parametrize("method", METHODS["pillow"])
def test_pad_in_the_family_pillow_is_imageops_pad(photo: Image.Image, method: str) -> None:
    for part in (photo, photo.crop((0, 0, 200, 77)), photo.crop((0, 0, 33, 290))):
        for height, width in SIZES:
            expected = ImageOps.pad(part, (width, height), Image.Resampling[method.upper()])
            got = prepare(part, spec((height, width), method, fit="pad"))
            np.testing.assert_array_equal(got, np.asarray(expected))


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS["tensorflow"])
def test_the_family_tensorflow_is_tf_image_resize(pixels: list[Any], method: str, antialias: bool) -> None:
    def ours(a: Any, size: tuple[int, int]) -> Any:
        return resize_as_tensorflow(a, spec(size, method, family="tensorflow", antialias=antialias))

    def theirs(a: Any, size: tuple[int, int]) -> Any:
        return tf.image.resize(a, size, method=method, antialias=antialias).numpy()

    assert worst(pixels, ours, theirs) <= (0 if method in EXACT and not antialias else CLOSE)
    assert ours(pixels[0], (5, 6)).dtype == theirs(pixels[0], (5, 6)).dtype


@pytest.mark.parametrize("method", METHODS["tensorflow"])
def test_pad_in_the_family_tensorflow_is_resize_with_pad(pixels: list[Any], method: str) -> None:
    def ours(a: Any, size: tuple[int, int]) -> Any:
        return resize_as_tensorflow(a, spec(size, method, family="tensorflow", fit="pad"))

    def theirs(a: Any, size: tuple[int, int]) -> Any:
        return tf.image.resize_with_pad(a, *size, method=method).numpy()

    assert worst(pixels, ours, theirs) <= (0 if method in EXACT else CLOSE)


@pytest.mark.parametrize("method", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
def test_crop_in_the_family_tensorflow_is_smart_resize(pixels: list[Any], method: str) -> None:
    def ours(a: Any, size: tuple[int, int]) -> Any:
        return resize_as_tensorflow(a, spec(size, method, family="tensorflow", fit="crop"))

    def theirs(a: Any, size: tuple[int, int]) -> Any:
        return keras.preprocessing.image.smart_resize(a, size, interpolation=method)

    assert worst(pixels, ours, theirs) <= (0 if method in EXACT else CLOSE)


@settings(deadline=None, max_examples=150)
@given(
    size=st.tuples(SIDES, SIDES),
    target=st.tuples(SIDES, SIDES),
    color=st.sampled_from(sorted(CHANNELS)),
    family=st.sampled_from(sorted(METHODS)),
    seed=st.integers(0, 9),
)
def test_crop_or_pad_is_resize_with_crop_or_pad_to_the_last_bit(
    size: tuple[int, int], target: tuple[int, int], color: str, family: str, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, CHANNELS[color]), np.uint8)
    expected = tf.image.resize_with_crop_or_pad(pixels, *target).numpy()
    asked = spec(target, METHODS[family][seed % 6], color=color, family=family, fit="crop_or_pad")
    image = Image.fromarray(pixels[..., 0] if color == "grayscale" else pixels)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    for photo in (buffer.getvalue(), image, pixels, pixels.astype(np.float32)):
        np.testing.assert_array_equal(prepare(photo, asked), expected)
    fractions = pixels / np.float32(3)
    expected = tf.image.resize_with_crop_or_pad(fractions, *target).numpy()
    np.testing.assert_array_equal(prepare(fractions, asked), expected)


@pytest.mark.parametrize("color", sorted(CHANNELS))
@pytest.mark.parametrize("preprocessing", ["none", "mobilenet_v2", "resnet50"])
def test_a_photo_is_cropped_and_padded_as_tf_data_does(photos: list[Path], color: str, preprocessing: str) -> None:
    """Of 512 x 512 and other photos: training decodes, crops or pads, and then preprocesses."""
    if color != "rgb" and preprocessing == "resnet50":
        return  # which is for three channels
    steps = {"mobilenet_v2": keras.applications.mobilenet_v2, "resnet50": keras.applications.resnet50}
    for path in photos[:4]:
        for size in SIZES:
            array = keras.utils.img_to_array(keras.utils.load_img(path, color_mode=color))
            expected = tf.image.resize_with_crop_or_pad(array, *size).numpy()
            if preprocessing != "none":
                expected = steps[preprocessing].preprocess_input(expected)
            asked = ImageSpec(*size, color=color, fit="crop_or_pad", preprocessing=preprocessing)
            np.testing.assert_array_equal(prepare(path.read_bytes(), asked), expected)


def test_a_grey_image_of_16_bits_is_cropped_and_padded_with_its_depth(images: dict[str, bytes]) -> None:
    array = keras.utils.img_to_array(keras.utils.load_img(BytesIO(images["png-grey16"]), color_mode="grayscale"))
    got = prepare(images["png-grey16"], spec((230, 200), "nearest", color="grayscale", fit="crop_or_pad"))
    np.testing.assert_array_equal(got, tf.image.resize_with_crop_or_pad(array, 230, 200))
    assert got.max() > 20_000


@pytest.mark.parametrize("options", [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}])
def test_png_images_are_those_of_image_dataset_from_directory(
    photo: Image.Image, tmp_path: Path, options: dict[str, Any]
) -> None:
    for color in ("rgb", "grayscale"):
        folder = tmp_path / color
        folder.mkdir()
        photo.crop((3, 5, 400, 300)).save(folder / "photo.png")
        arguments: dict[str, Any] = {"labels": None, "image_size": (160, 192), "batch_size": None, "verbose": False}
        (expected,) = keras.utils.image_dataset_from_directory(folder, color_mode=color, **arguments, **options)
        fit = next(iter(options), "stretch").split("_")[0]
        asked = spec((160, 192), "bilinear", color=color, family="tensorflow", fit=fit)
        np.testing.assert_array_equal(prepare((folder / "photo.png").read_bytes(), asked), expected)


def test_jpeg_images_differ_from_image_dataset_from_directory_by_its_rough_decoding(photos: list[Path]) -> None:
    for path in photos[:6]:
        theirs = tf.image.resize(tf.io.decode_image(path.read_bytes(), channels=3), (224, 224)).numpy()
        difference = np.abs(prepare(path.read_bytes(), spec((224, 224), "bilinear", family="tensorflow")) - theirs)
        assert difference.max() < 7
        assert difference.mean() < 1.2


@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_an_image_too_narrow_to_pad_is_refused(family: str) -> None:
    with pytest.raises(InvalidArgument, match="1000 x 1 pixels is too narrow for 224 x 224"):
        prepare(np.zeros((1, 1000, 3), np.uint8), spec((224, 224), "bilinear", family=family, fit="pad"))


def test_an_image_too_narrow_to_crop_is_refused() -> None:
    buffer = BytesIO()
    Image.new("RGB", (1, 30)).save(buffer, "PNG")
    with pytest.raises(InvalidArgument, match="1 x 30 pixels is too narrow for 10 x 500"):
        prepare(buffer.getvalue(), spec((500, 10), "bilinear", fit="crop"))
