"""Which part of a photo a model sees: as the resizing itself does it."""

from __future__ import annotations

import numpy as np
import pytest

from lightship.errors import InvalidArgument
from lightship.images.fit import Box, seen_part, seen_region
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec

SIZES = [(40, 30), (30, 40), (64, 64), (200, 20), (33, 101)]
FAMILIES = ["pillow", "tensorflow"]


def spec_of(family: str, fit: str, height: int = 16, width: int = 24) -> ImageSpec:
    return ImageSpec(height, width, family=family, fit=fit, resize="nearest", preprocessing="none")


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_stretch_shows_all_of_the_photo_everywhere(family: str, width: int, height: int) -> None:
    seen, shown = seen_part(width, height, spec_of(family, "stretch"))
    assert (seen, shown) == (Box(0, 0, width, height), Box(0, 0, 24, 16))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_crop_leaves_the_pixels_outside_its_box_out(family: str, width: int, height: int) -> None:
    spec = spec_of(family, "crop")
    seen, shown = seen_part(width, height, spec)
    assert shown == Box(0, 0, 24, 16)
    photo = np.zeros((height, width, 3), np.uint8)
    photo[seen.top : seen.bottom, seen.left : seen.right] = 200
    assert (prepare(photo, spec) == 200).all()
    outside = 200 - photo
    assert (prepare(outside, spec) == 0).all()


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_pad_leaves_the_input_outside_its_box_empty(family: str, width: int, height: int) -> None:
    spec = spec_of(family, "pad")
    seen, shown = seen_part(width, height, spec)
    assert seen == Box(0, 0, width, height)
    prepared = prepare(np.full((height, width, 3), 200, np.uint8), spec)
    inside = np.zeros((16, 24, 3), bool)
    inside[shown.top : shown.bottom, shown.left : shown.right] = True
    np.testing.assert_array_equal(prepared == 200, inside)


@pytest.mark.parametrize(
    ("width", "height", "seen", "shown"),
    [
        (24, 16, Box(0, 0, 24, 16), Box(0, 0, 24, 16)),
        (29, 21, Box(2, 2, 26, 18), Box(0, 0, 24, 16)),  # of an odd difference, the odd pixel is at the right
        (19, 11, Box(0, 0, 19, 11), Box(2, 2, 21, 13)),  # and at the bottom
        (30, 10, Box(3, 0, 27, 10), Box(0, 3, 24, 13)),
        (20, 31, Box(0, 7, 20, 23), Box(2, 0, 22, 16)),
        (1, 1, Box(0, 0, 1, 1), Box(11, 7, 12, 8)),
        (1000, 1, Box(488, 0, 512, 1), Box(0, 7, 24, 8)),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_crop_or_pad_does_each_where_it_is_needed(family: str, width: int, height: int, seen: Box, shown: Box) -> None:
    spec = spec_of(family, "crop_or_pad")
    assert seen_part(width, height, spec) == (seen, shown)
    photo = np.random.default_rng(3).integers(1, 256, (height, width, 3), np.uint8)
    wanted = np.zeros((16, 24, 3), np.float32)
    wanted[shown.top : shown.bottom, shown.left : shown.right] = photo[seen.top : seen.bottom, seen.left : seen.right]
    np.testing.assert_array_equal(prepare(photo, spec), wanted)


def test_the_region_of_crop_or_pad_is_in_whole_pixels_of_the_photo() -> None:
    left, top, right, bottom = seen_region(30, 10, spec_of("pillow", "crop_or_pad"))
    assert [left * 30, top * 10, right * 30, bottom * 10] == pytest.approx([3, -3, 27, 13])


@pytest.mark.parametrize(("family", "fit"), [("pillow", "crop"), ("pillow", "pad"), ("tensorflow", "pad")])
def test_a_photo_of_which_nothing_would_remain_is_refused(family: str, fit: str) -> None:
    with pytest.raises(InvalidArgument, match="too narrow"):
        seen_part(1000, 1, spec_of(family, fit, 16, 8))
