"""Images that were not preprocessed as the image spec says are noticed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.images.spec import ImageSpec
from lightship.training.pixel_range import PreprocessingMismatchWarning, expected_range, warn_if_unlike

PIXELS = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
NAMES = ("resnet_v2", "vgg16", "densenet", "efficientnet")


def prepared(name: str) -> NDArray[np.float32]:
    return ImageSpec(preprocessing=name).preprocessing.apply(PIXELS)


@pytest.mark.parametrize("spec", NAMES)
@pytest.mark.parametrize("done", [*NAMES, "scaled"])
def test_a_warning_comes_exactly_where_another_preprocessing_was_done(spec: str, done: str) -> None:
    images = PIXELS / np.float32(255) if done == "scaled" else prepared(done)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_unlike(images, ImageSpec(preprocessing=spec), "ds_valid", depth=1)
    # From -1 to 1 is a part of densenet's -2.1 to 2.6: these could be photos of little contrast.
    alike = spec == done or (spec, done) == ("densenet", "resnet_v2")
    assert [one.category for one in caught] == ([] if alike else [PreprocessingMismatchWarning])


def test_the_warning_names_the_data_both_ranges_and_the_caller() -> None:
    spec = ImageSpec(preprocessing="resnet_v2")
    with pytest.warns(
        PreprocessingMismatchWarning, match="ds_train are from 0 to 255.*'resnet_v2'.*from -1 to 1"
    ) as got:
        warn_if_unlike(PIXELS, spec, "ds_train", depth=1)
    assert got[0].filename == __file__


def test_a_dark_photo_and_one_that_overshoots_are_fine() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec = ImageSpec(preprocessing="resnet_v2")
        warn_if_unlike(np.linspace(-1, -0.5, 48).reshape(1, 4, 4, 3), spec, "ds", depth=1)
        warn_if_unlike(np.linspace(-1.1, 1.1, 48).reshape(1, 4, 4, 3), spec, "ds", depth=1)
        warn_if_unlike(PIXELS, None, "ds", depth=1)
        warn_if_unlike(np.zeros((0, 4, 4, 3)), spec, "ds", depth=1)


def test_the_range_is_that_of_black_and_white() -> None:
    assert expected_range(ImageSpec(preprocessing={"scale": -1 / 255, "offset": 1})) == pytest.approx((0, 1))
    assert expected_range(ImageSpec(preprocessing="vgg16")) == pytest.approx((-123.68, 151.061))
