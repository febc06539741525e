from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from io import BytesIO

import keras
import numpy as np
import pytest
from PIL import Image

from lightship.errors import InvalidArgument
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec

DOG = ImageSpec(160, 160, resize="bicubic", preprocessing="mobilenet_v2")


def test_an_image_is_prepared_as_training_did(images: dict[str, bytes]) -> None:
    for name, data in images.items():
        if name == "png-palettealphas":
            continue  # load_img warns of it, which is an error here; test_decode has its pixels
        array = keras.utils.img_to_array(
            keras.utils.load_img(BytesIO(data), target_size=(160, 160), interpolation="bicubic")
        )
        expected = keras.applications.mobilenet_v2.preprocess_input(array)
        np.testing.assert_array_equal(prepare(data, DOG), expected, err_msg=name)


@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_bytes_image_and_array_give_the_same(images: dict[str, bytes], family: str) -> None:
    spec = ImageSpec(97, 121, family=family, resize="bilinear", preprocessing="vgg16")
    data = images["png-rgb"]
    expected = prepare(data, spec)
    with Image.open(BytesIO(data)) as image:
        pixels = np.asarray(image)
        for same in (image, pixels, pixels.astype(np.float32), pixels.astype(np.int64), bytearray(data)):
            np.testing.assert_array_equal(prepare(same, spec), expected)
    assert expected.dtype == np.float32
    assert expected.flags.c_contiguous


def test_what_comes_in_is_not_changed(images: dict[str, bytes]) -> None:
    spec = ImageSpec(207, 291, family="tensorflow", color="grayscale", preprocessing="mobilenet_v2")
    with Image.open(BytesIO(images["jpeg-color"])) as image:
        prepare(image, spec)
        assert image.mode == "RGB"
    with Image.open(BytesIO(images["png-palettealphas"])) as image:
        prepare(image, DOG)
        assert "transparency" in image.info
    pixels = np.full((160, 160, 3), 7, np.float32)
    prepare(pixels, DOG)
    assert (pixels == 7).all()


def test_colours_of_arrays_are_converted_as_pillow_does() -> None:
    grey = np.arange(100, dtype=np.uint8).reshape(10, 10)
    spec = ImageSpec(10, 10, preprocessing="none")
    np.testing.assert_array_equal(prepare(grey, spec), np.stack([grey] * 3, axis=-1))
    rgba = np.dstack([grey, grey, grey, grey])
    np.testing.assert_array_equal(prepare(rgba, spec), rgba[..., :3])
    np.testing.assert_array_equal(
        prepare(rgba, ImageSpec(10, 10, color="grayscale", preprocessing="none"))[..., 0], grey
    )


def test_float_pixels_of_the_right_size_are_taken_as_they_are() -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (8, 9, 3)).astype(np.float32)
    np.testing.assert_array_equal(prepare(pixels, ImageSpec(8, 9, preprocessing="none")), pixels)


@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_float_pixels_can_be_cropped_and_padded_in_both_families(family: str) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (8, 9, 3)).astype(np.float32)
    spec = ImageSpec(5, 14, family=family, fit="crop_or_pad", preprocessing="none")
    wanted = np.zeros((5, 14, 3), np.float32)
    wanted[:, 2:11] = pixels[1:6]
    np.testing.assert_array_equal(prepare(pixels, spec), wanted)
    with pytest.raises(InvalidArgument, match="must become grayscale of .*: round them to uint8"):
        prepare(pixels, replace(spec, color="grayscale"))


def test_padding_is_preprocessed_as_black() -> None:
    spec = ImageSpec(3, 3, fit="crop_or_pad", preprocessing="mobilenet_v2")
    prepared = prepare(np.full((1, 1, 3), 255, np.uint8), spec)
    assert (prepared[1, 1] == 1).all()
    assert (np.delete(prepared.reshape(9, 3), 4, axis=0) == -1).all()


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((1, 8, 8, 3), np.uint8), "one image at a time"),
        (np.zeros((8, 8, 2), np.uint8), "1, 3 or 4 channels"),
        (np.zeros((0, 8, 3), np.uint8), "not an image"),
        (np.full((8, 8, 3), -1.0), "undo its scaling"),
        (np.full((8, 8, 3), 256), "this array has 256..256"),
        (np.full((8, 8, 3), np.nan), "pixels must be 0..255"),
        (np.full((8, 8, 3), 0.5), "round them to uint8"),
        (np.full((8, 8, 3), "a"), "dtype <U1 are not numbers"),
        ("dog.jpg", "not str: read the bytes of a file"),
    ],
)
def test_what_is_no_image_is_refused(pixels: object, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        prepare(pixels, DOG)  # type: ignore[arg-type]


def test_a_deep_grey_png_keeps_its_depth_as_load_img_does(images: dict[str, bytes]) -> None:
    spec = ImageSpec(207, 291, color="grayscale", preprocessing="none")
    assert prepare(images["png-grey16"], spec).max() > 20_000
    assert prepare(images["png-grey16"], ImageSpec(207, 291, preprocessing="none")).max() == 255


def test_many_threads_get_what_one_gets(images: dict[str, bytes]) -> None:
    spec = ImageSpec(64, 64, family="tensorflow", antialias=True, resize="lanczos3", preprocessing="none")
    expected = {name: prepare(data, spec) for name, data in images.items()}
    wrong: list[str] = []

    def work() -> None:
        for name, data in images.items():
            if not np.array_equal(prepare(data, spec), expected[name]):
                wrong.append(name)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_client_that_prepares_loads_neither_tensorflow_nor_protobuf() -> None:
    code = (
        "import sys, lightship.images.prepare\n"
        "print([name for name in ('tensorflow', 'keras', 'google.protobuf', 'openvino') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
