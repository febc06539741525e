from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image
from tests.image_samples import encode, samples

from lightship.images.prepare import prepare
from lightship.images.preprocessing import PREPROCESSING_NAMES, Preprocessing
from lightship.images.spec import METHODS, ImageSpec
from lightship.packaging.image_graph import apply_in_graph, preprocess_in_graph

Graph = Callable[[bytes], NDArray[np.float32]]

# Of 255: the order of float32 additions in our own resize of the family "tensorflow".
CLOSE = 0.001

# libjpeg cannot make grey of CMYK, so that no training could.
UNKNOWN_TO_TRAINING = {("grayscale", "jpeg-cmyk")}
ROUNDED = {"png-grey16": 1, "png-rgb16": 1}  # of 65535, and of 255 in the family "tensorflow"


@pytest.fixture(scope="module")
def photo(photos: list[Path]) -> Image.Image:
    with Image.open(photos[0]) as image:
        return image.convert("RGB")


@pytest.fixture(scope="module")
def images(photo: Image.Image) -> dict[str, bytes]:
    return samples(photo)


@pytest.fixture(scope="module")
def shapes(photo: Image.Image) -> list[bytes]:
    """Large, narrow, flat, tiny, and one that has the wanted size already."""
    boxes = [(0, 0, 512, 512), (10, 0, 51, 400), (0, 9, 301, 60), (3, 4, 10, 8), (100, 50, 261, 178)]
    return [encode(photo.crop(box), "PNG") for box in boxes]


def graph_of(spec: ImageSpec) -> Graph:
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])  # type: ignore[misc]
    def run(encoded: Any) -> Any:
        return preprocess_in_graph(encoded, spec)

    return lambda data: run(data).numpy()


def worst(spec: ImageSpec, images: list[bytes]) -> float:
    run = graph_of(spec)
    return max(float(np.abs(run(data) - prepare(data, spec)).max()) for data in images)


@pytest.mark.parametrize(
    ("fit", "color"), [("stretch", "rgb"), ("stretch", "rgba"), ("crop", "grayscale"), ("pad", "rgb")]
)
@pytest.mark.parametrize("method", METHODS["pillow"])
def test_pillows_resize_is_computed_to_the_last_bit(shapes: list[bytes], method: str, fit: str, color: str) -> None:
    assert worst(ImageSpec(128, 161, color, resize=method, fit=fit, preprocessing="none"), shapes) == 0


@pytest.mark.parametrize(("fit", "antialias"), [("stretch", False), ("stretch", True), ("crop", False), ("pad", True)])
@pytest.mark.parametrize("method", METHODS["tensorflow"])
def test_both_twins_resize_as_tensorflow(shapes: list[bytes], method: str, fit: str, antialias: bool) -> None:
    spec = ImageSpec(128, 161, "rgb", "tensorflow", method, antialias, fit, "none")
    assert worst(spec, shapes[:2] + shapes[3:]) <= CLOSE


def test_the_order_of_pillows_two_passes_is_followed(photo: Image.Image) -> None:
    spec = ImageSpec(40, 150, resize="bicubic", preprocessing="none")
    sizes = [(160, 150), (170, 260), (170, 265), (300, 41), (151, 42), (100, 300), (140, 39)]
    assert worst(spec, [encode(photo.crop((0, 0, *size)), "PNG") for size in sizes]) == 0


def test_nearest_falls_as_pillow_adds_up_its_steps(photo: Image.Image) -> None:
    for side in (5, 160, 299):
        spec = ImageSpec(side, side, preprocessing="none")
        assert worst(spec, [encode(photo.crop((0, 0, size, 512)), "PNG") for size in (512, 480, 333, 96, 7)]) == 0


@pytest.mark.parametrize("color", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_photos_of_any_size_are_cropped_and_padded_as_tensorflow_does(
    photo: Image.Image, family: str, color: str
) -> None:
    """Sides below, at and above the input's 8 x 11 pixels, with even and odd differences."""
    run = graph_of(ImageSpec(8, 11, color, family, fit="crop_or_pad", preprocessing="mobilenet_v2"))
    sides = [(height, width) for height in (1, 5, 6, 8, 9, 30) for width in (1, 8, 9, 11, 12, 31)]
    for height, width in sides:
        part = photo.crop((50, 60, 50 + width, 60 + height)).convert({"rgb": "RGB", "rgba": "RGBA"}.get(color, "L"))
        if color == "rgba":
            part.putalpha(part.convert("L"))
        expected = tf.image.resize_with_crop_or_pad(keras.utils.img_to_array(part), 8, 11).numpy()
        expected = keras.applications.mobilenet_v2.preprocess_input(expected)
        # TensorFlow's optimiser turns a division by a constant into a multiplication.
        np.testing.assert_allclose(run(encode(part, "PNG")), expected, rtol=0, atol=1.2e-7)


@pytest.mark.parametrize("color", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_every_kind_of_image_is_cropped_and_padded_alike(images: dict[str, bytes], family: str, color: str) -> None:
    """The images have 207 rows and 291 columns."""
    spec = ImageSpec(230, 200, color, family, fit="crop_or_pad", preprocessing="none")
    run = graph_of(spec)
    for name, data in images.items():
        if family == "tensorflow" and (color, name) in UNKNOWN_TO_TRAINING:
            continue
        assert np.abs(run(data) - prepare(data, spec)).max() <= ROUNDED.get(name, 0), name


@pytest.mark.parametrize("color", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_every_kind_of_image_gives_the_same_as_without_tensorflow(
    images: dict[str, bytes], family: str, color: str
) -> None:
    spec = ImageSpec(160, 161, color, family, "bilinear", preprocessing="none")
    run = graph_of(spec)
    for name, data in images.items():
        if family == "tensorflow" and (color, name) in UNKNOWN_TO_TRAINING:
            continue
        if name == "png-1bit" or not name.startswith("png"):
            assert np.abs(run(data) - prepare(data, spec)).max() <= (0 if family == "pillow" else CLOSE), name
        else:
            assert np.abs(run(data) - prepare(data, spec)).max() <= ROUNDED.get(name, CLOSE) + CLOSE, name


@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_of_few_colours_has_the_alpha_of_training(photo: Image.Image, family: str, bits: int) -> None:
    spec = ImageSpec(50, 60, "rgba", family, preprocessing="none")
    palette = photo.crop((100, 100, 160, 150)).quantize(1 << bits)
    for transparency in ({}, {"transparency": bytes(range(40, 40 + (1 << bits)))} if bits < 8 else {"transparency": 3}):
        data = encode(palette, "PNG", bits=bits, **transparency)
        np.testing.assert_array_equal(graph_of(spec)(data), prepare(data, spec))
        if family == "tensorflow":
            np.testing.assert_array_equal(prepare(data, spec), tf.io.decode_png(data, channels=4).numpy())


@pytest.mark.parametrize(
    "preprocessing",
    [*PREPROCESSING_NAMES, Preprocessing.scale_offset(1 / 255), Preprocessing.mean_std([3, 4, 5], [57.1, 58, 59])],
)
def test_preprocessing_is_the_same_arithmetic(preprocessing: Any) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (20, 21, 3)).astype(np.float32)
    steps = Preprocessing.of(preprocessing)
    run = tf.function(lambda x: apply_in_graph(x, steps))
    np.testing.assert_allclose(run(tf.constant(pixels)), steps.apply(pixels), rtol=0, atol=1e-6)


def test_photos_come_out_as_in_training(photos: list[Path]) -> None:
    run = graph_of(ImageSpec(160, 160, resize="bicubic", preprocessing="mobilenet_v2"))
    for path in photos[:12]:
        image = keras.utils.load_img(path, target_size=(160, 160), interpolation="bicubic")
        expected = keras.applications.mobilenet_v2.preprocess_input(keras.utils.img_to_array(image))
        # TensorFlow's optimiser turns a division by a constant into a multiplication.
        np.testing.assert_allclose(run(path.read_bytes()), expected, rtol=0, atol=1.2e-7)


def test_a_batch_can_be_mapped(images: dict[str, bytes]) -> None:
    spec = ImageSpec(32, 33, resize="lanczos", preprocessing="resnet")
    batch = [images["jpeg-color"], images["png-grey"], images["gif-plain"]]
    output = tf.TensorSpec((32, 33, 3), tf.float32)
    got = tf.map_fn(lambda one: preprocess_in_graph(one, spec), tf.constant(batch), fn_output_signature=output)
    np.testing.assert_array_equal(got, np.stack([prepare(data, spec) for data in batch]))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"GIF", b"BM", b"\x89PNG\r\n\x1a\n", b"RIFF1234WEBP", b"\xff\xd8\xff\xe0"]
)
def test_what_is_no_image_ends_the_run_with_invalid_argument(data: bytes) -> None:
    run = graph_of(ImageSpec(8, 8, preprocessing="none"))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(data)


def test_other_formats_are_named_in_the_error(photo: Image.Image) -> None:
    buffer = BytesIO()
    photo.resize((9, 9)).save(buffer, "TIFF")
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a JPEG, PNG, GIF, BMP or WebP file"):
        graph_of(ImageSpec(8, 8, preprocessing="none"))(buffer.getvalue())
