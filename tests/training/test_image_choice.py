"""The image spec of a model that begins with a known network."""

from __future__ import annotations

from typing import Any

import pytest

from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.training.bases import Base, find_base
from lightship.training.image_choice import checked_shape, image_for

RESNET = find_base("resnet")
SHAPE = (64, 96, 3)
DEFAULT = ImageSpec(64, 96, resize="bilinear", preprocessing="resnet_v2")


def test_it_is_that_of_the_network() -> None:
    assert image_for(RESNET, SHAPE, None) == DEFAULT


def test_a_mapping_changes_fields_of_it() -> None:
    spec = image_for(RESNET, SHAPE, {"fit": "crop", "family": "tensorflow"})
    assert spec == ImageSpec(64, 96, family="tensorflow", fit="crop", preprocessing="resnet_v2")


def test_a_whole_spec_takes_its_place_and_gets_the_size() -> None:
    spec = image_for(RESNET, SHAPE, ImageSpec(resize="bicubic", preprocessing="none"))
    assert spec == ImageSpec(64, 96, resize="bicubic", preprocessing="none")


def test_false_is_none_at_all() -> None:
    assert image_for(RESNET, SHAPE, False) is False


def test_an_unknown_network_has_one_only_if_it_is_given() -> None:
    unknown = Base("my.keras", None, None, RESNET.builder)
    assert image_for(unknown, SHAPE, None) is None
    given = image_for(unknown, (64, 96, 1), {"preprocessing": "none"})
    assert given == ImageSpec(64, 96, color="grayscale", preprocessing="none")


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (ImageSpec(32, preprocessing="none"), "height is 32, but the shape is"),
        ({"width": 32}, "width is 32, but the shape is"),
        ({"color": "grayscale"}, "gives 1 channels, .*give color='rgb'"),
        ({"fitt": "crop"}, "no field 'fitt': did you mean 'fit'"),
        ("resnet_v2", "image is 'resnet_v2'"),
    ],
)
def test_what_does_not_fit_the_shape_is_refused(image: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        image_for(RESNET, SHAPE, image)


def test_a_shape_is_height_width_and_channels() -> None:
    assert checked_shape([64, 96, 3]) == (64, 96, 3)
    for shape in ((64, 96), (64, 96, 3, 1), (0, 96, 3), "224", 224, (64.0, 96, 3), (64, 96, 2)):
        with pytest.raises(InvalidArgument, match="shape is"):
            checked_shape(shape)
