"""A photo in any of the forms that users have becomes bytes that a server can decode."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.image_samples import encode

from lightship.client.photos import encoded, for_graph
from lightship.errors import InvalidArgument, NotFound
from lightship.images.opening import open_image

GREY = np.arange(400).reshape(20, 20)


def pixels_of(photo: Any) -> NDArray[Any]:
    return np.asarray(open_image(encoded(photo)))


@pytest.mark.parametrize("dtype", [np.uint16, ">u2", np.int32])
def test_a_pil_image_keeps_its_16_bits(dtype: Any) -> None:
    image = Image.fromarray((GREY * 150).astype(dtype))
    assert image.mode in ("I;16", "I;16B", "I")
    np.testing.assert_array_equal(pixels_of(image), GREY * 150)


def test_whole_numbers_of_32_bits_that_fit_into_8_are_grey_levels() -> None:
    found = pixels_of(Image.fromarray((GREY % 256).astype(np.int32)))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, GREY % 256)


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa"])
def test_a_pil_image_keeps_its_alpha(mode: str) -> None:
    image = Image.new("RGB", (6, 5), (200, 100, 50))
    if mode in ("La", "RGBa"):
        image = image.convert("LA" if mode == "La" else "RGBA")
    image = image.convert("P").convert(mode) if mode == "PA" else image.convert(mode)
    image.putalpha(Image.new("L", (6, 5), 255)) if mode in ("LA", "RGBA") else None
    assert np.asarray(open_image(encoded(image)).convert("RGBA"))[..., 3].min() == 255
    assert open_image(encoded(image)).mode in ("LA", "RGBA")


@pytest.mark.parametrize("transparency", [None, 1, b"\x10\x20"])
@pytest.mark.parametrize("colours", [2, 4, 200])
def test_a_palette_keeps_its_colours_and_alpha(colours: int, transparency: Any) -> None:
    image = Image.fromarray((GREY % 256).astype(np.uint8)).convert("RGB").quantize(colours)
    if transparency is not None:
        image.info["transparency"] = transparency
    sent = encoded(image)
    assert sent[24] == 8  # bits: with fewer, TensorFlow would fill a missing alpha with less than 255
    np.testing.assert_array_equal(np.asarray(open_image(sent).convert("RGBA")), np.asarray(image.convert("RGBA")))


def test_black_and_white_is_grey() -> None:
    found = pixels_of(Image.fromarray(GREY % 2 == 0))
    np.testing.assert_array_equal(found, np.where(GREY % 2 == 0, 255, 0))
    assert found.dtype == np.uint8


def test_fractions_are_refused_in_a_pil_image_as_in_an_array() -> None:
    fractions = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    for photo in (fractions, Image.fromarray(fractions)):
        with pytest.raises(InvalidArgument, match="not whole numbers from 0 to 255"):
            encoded(photo)
    np.testing.assert_array_equal(pixels_of(Image.fromarray(GREY[:12].astype(np.float32))), GREY[:12])


@pytest.mark.parametrize("photo", [Image.new("RGB", (0, 5)), np.zeros((0, 5, 3), np.uint8)])
def test_an_image_without_pixels_is_refused(photo: Any) -> None:
    with pytest.raises(InvalidArgument, match="at least one"):
        encoded(photo)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_truncated_file_in_a_pil_image_is_refused(kind: str) -> None:
    data = encode(Image.effect_noise((60, 50), 90).convert("P" if kind == "GIF" else "RGB"), kind)
    with pytest.raises(InvalidArgument, match="truncated or broken"), Image.open(io.BytesIO(data[:-300])) as image:
        encoded(image)


@pytest.mark.parametrize("kind", ["BMP", "WEBP"])
def test_a_truncated_file_that_is_converted_for_the_graph_is_refused(kind: str) -> None:
    data = encode(Image.effect_noise((60, 50), 90).convert("RGB"), kind)
    with pytest.raises(InvalidArgument, match="truncated or broken"):
        for_graph(data[:-300])


@pytest.mark.parametrize("address", ["http://host/dog.jpg", "s3://bucket/dog.jpg", "file:///dog.jpg"])
def test_an_address_is_not_taken_for_a_path(address: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{address} is an address, not a file: download"):
        encoded(address)


def test_a_path_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(NotFound):
        encoded("no such file.jpg")
    with pytest.raises(InvalidArgument, match="null byte"):
        encoded("dog\0.jpg")
