"""Maps over photos."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from lightship.errors import InvalidArgument, TooLarge
from lightship.images.colormaps import color_table
from lightship.images.fit import seen_region
from lightship.images.overlay import overlay, png
from lightship.images.spec import FITS, ImageSpec
from lightship.memory_budget import MemoryBudget

GREY = np.full((40, 60, 3), 100, np.uint8)
CORNER = np.array([[1.0, 0.0], [0.0, -5.0]], np.float32)


def encoded(pixels: np.ndarray, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def test_the_highest_value_has_the_highest_colour_and_what_is_negative_the_lowest() -> None:
    pixels = np.asarray(overlay(GREY, CORNER, alpha=1.0, colormap="viridis"))
    assert pixels.shape == GREY.shape
    np.testing.assert_array_equal(pixels[0, 0], color_table("viridis")[255])
    np.testing.assert_array_equal(pixels[-1, -1], color_table("viridis")[0])
    np.testing.assert_array_equal(pixels[0, -1], color_table("viridis")[0])


def test_alpha_mixes_the_photo_and_the_colours() -> None:
    photo, colors = (np.asarray(overlay(GREY, CORNER, alpha=alpha), np.int16) for alpha in (0.0, 1.0))
    np.testing.assert_array_equal(photo, GREY)
    half = np.asarray(overlay(GREY, CORNER, alpha=0.5), np.int16)
    assert np.abs(half - (photo + colors) / 2).max() <= 1


def test_the_map_grows_smoothly() -> None:
    levels = np.asarray(overlay(GREY, CORNER, alpha=1.0, colormap="gray"), np.int16)[..., 0]
    assert (np.diff(levels[0]) <= 0).all()
    assert np.abs(np.diff(levels, axis=1)).max() <= 12


@pytest.mark.parametrize("heat", [np.zeros((3, 3)), np.full((3, 3), -1.0), np.full((3, 3), np.nan)])
def test_a_map_without_a_positive_value_is_one_colour(heat: np.ndarray) -> None:
    pixels = np.asarray(overlay(GREY, heat, alpha=1.0, colormap="gray"))
    assert not pixels.any()


def test_an_infinite_value_is_the_highest() -> None:
    pixels = np.asarray(overlay(GREY, np.array([[np.inf, 1.0]]), alpha=1.0, colormap="gray"))
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (255, 0)


@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_what_was_cropped_away_stays_as_it_was(family: str) -> None:
    spec = ImageSpec(8, 8, family=family, fit="crop", preprocessing="none")
    pixels = np.asarray(overlay(GREY, np.ones((2, 2)), spec=spec, alpha=1.0, colormap="gray"))
    np.testing.assert_array_equal(pixels[:, :10], GREY[:, :10])
    np.testing.assert_array_equal(pixels[:, 50:], GREY[:, 50:])
    assert (pixels[:, 10:50] == 255).all()


@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_of_a_padded_input_only_the_part_with_the_photo_is_shown(family: str) -> None:
    spec = ImageSpec(12, 12, family=family, fit="pad", preprocessing="none")
    heat = np.zeros((12, 12))
    heat[0] = 1.0  # above the photo, which has 8 rows in the middle
    heat[6:, :] = 0.5
    pixels = np.asarray(overlay(GREY, heat, spec=spec, alpha=1.0, colormap="gray"))[..., 0]
    assert pixels.shape == (40, 60)
    assert not pixels[:15].any()
    assert (pixels[-10:] == 128).all()


@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_a_map_of_an_input_that_is_cropped_and_padded_lies_where_its_pixels_are(family: str) -> None:
    """An input of 80 rows and 20 columns has the photo's 40 rows in the middle, and 20 of its 60 columns."""
    spec = ImageSpec(80, 20, family=family, fit="crop_or_pad", preprocessing="none")
    heat = np.zeros((80, 20))
    heat[:20] = 1.0  # above the photo
    heat[20:40, 10:] = 0.5
    pixels = np.asarray(overlay(GREY, heat, spec=spec, alpha=1.0, colormap="gray"))
    wanted = GREY.copy()
    wanted[:, 20:40] = 0
    wanted[:20, 30:40] = 128
    np.testing.assert_array_equal(pixels, wanted)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("family", ["pillow", "tensorflow"])
def test_a_region_says_the_same_as_the_spec(family: str, fit: str) -> None:
    spec = ImageSpec(12, 12, family=family, fit=fit, preprocessing="none")
    heat = np.random.default_rng(1).random((5, 5))
    by_spec = np.asarray(overlay(GREY, heat, spec=spec, alpha=1.0, colormap="gray"), np.int16)
    region = seen_region(60, 40, spec)
    by_region = np.asarray(overlay(GREY, heat, region=region, alpha=1.0, colormap="gray"), np.int16)
    assert np.abs(by_spec - by_region).max() <= 1


@pytest.mark.parametrize("region", [(0.5, 0.0, 0.5, 1.0), (1.0, 0.0, 2.0, 1.0), (float("nan"), 0.0, 1.0, 1.0)])
def test_a_region_outside_of_the_photo_is_refused(region: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidArgument, match="is not a part of a photo"):
        overlay(GREY, CORNER, region=region)


def test_an_encoded_photo_is_decoded_and_keeps_its_size() -> None:
    for form in ("PNG", "JPEG", "BMP", "WEBP", "GIF"):
        assert overlay(encoded(GREY, form), CORNER).size == (60, 40)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_a_photo_of_any_mode_becomes_colours(mode: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((20, 10), 60).convert(mode).save(file, "PNG")
    assert overlay(file.getvalue(), CORNER).mode == "RGB"


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_large_photo_becomes_smaller_with_the_map_at_its_place(form: str) -> None:
    photo = encoded(np.full((400, 600, 3), 100, np.uint8), form)
    image = overlay(photo, CORNER, alpha=1.0, colormap="gray", max_pixels=600)
    assert image.size == (30, 20)
    pixels = np.asarray(image)
    assert (pixels[0, 0, 0], pixels[-1, -1, 0]) == (255, 0)
    assert overlay(np.full((400, 600, 3), 100, np.uint8), CORNER, max_pixels=600).size == (30, 20)


def test_a_line_of_pixels_stays_one() -> None:
    assert overlay(encoded(np.zeros((1, 60_000, 3), np.uint8)), CORNER).size == (16384, 1)


def test_its_memory_is_counted_first_and_decoding_is_given_back() -> None:
    photo = encoded(np.zeros((1000, 1000, 3), np.uint8))
    budget = MemoryBudget(1 << 30)
    with budget.reservation() as memory:
        overlay(photo, CORNER, memory=memory)
        assert 0 < memory.held <= 30_000_000
        assert budget.taken < 32_000_000
    with MemoryBudget(1 << 20).reservation() as memory, pytest.raises(TooLarge, match="memory budget"):
        overlay(photo, CORNER, memory=memory)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan"), float("inf")])
def test_alpha_is_from_0_to_1(alpha: float) -> None:
    with pytest.raises(InvalidArgument, match=f"alpha is {alpha:g}"):
        overlay(GREY, CORNER, alpha=alpha)


def test_what_is_no_map_or_no_photo_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"map has shape \[3\]"):
        overlay(GREY, np.zeros(3))
    with pytest.raises(InvalidArgument, match="map has shape"):
        overlay(GREY, np.zeros((0, 3)))
    with pytest.raises(InvalidArgument, match="not a photo"):
        overlay(np.zeros((4, 4, 3)), CORNER)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="is not JPEG, PNG, BMP, GIF or WebP"):
        overlay(b"no photo", CORNER)
    with pytest.raises(InvalidArgument, match="truncated"):
        overlay(encoded(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))[:500], CORNER)
    with pytest.raises(TooLarge, match="100 are allowed"):
        overlay(encoded(GREY), CORNER, max_photo_pixels=100)
    with pytest.raises(InvalidArgument, match="colormap"):
        overlay(GREY, CORNER, colormap="jet")


def test_a_png_can_be_read_again() -> None:
    image = overlay(GREY, CORNER)
    with Image.open(io.BytesIO(png(image))) as read:
        np.testing.assert_array_equal(np.asarray(read), np.asarray(image))
