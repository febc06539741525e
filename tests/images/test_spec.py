from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.errors import InvalidArgument
from lightship.images.preprocessing import PREPROCESSING_NAMES, Preprocessing
from lightship.images.spec import CHANNELS, FITS, METHODS, ImageSpec

SIDES = st.none() | st.integers(1, 16384)
NUMBERS = st.floats(-1e38, 1e38, allow_subnormal=False)
NOT_ZERO = st.floats(0.01, 1e6)


@st.composite
def specs(draw: st.DrawFn) -> ImageSpec:
    color, family = draw(st.sampled_from(sorted(CHANNELS))), draw(st.sampled_from(sorted(METHODS)))
    names = PREPROCESSING_NAMES if color == "rgb" else ("none", "mobilenet_v2")
    length = st.sampled_from([1, CHANNELS[color]])
    numbers = length.flatmap(lambda size: st.lists(NUMBERS, min_size=size, max_size=size))
    divisors = length.flatmap(lambda size: st.lists(NOT_ZERO, min_size=size, max_size=size))
    steps = (
        st.sampled_from(names)
        | st.builds(Preprocessing.scale_offset, numbers, numbers)
        | st.builds(Preprocessing.mean_std, numbers, divisors)
    )
    antialias = draw(st.booleans()) if family == "tensorflow" else False
    method, fit = draw(st.sampled_from(METHODS[family])), draw(st.sampled_from(FITS))
    return ImageSpec(draw(SIDES), draw(SIDES), color, family, method, antialias, fit, draw(steps))


@given(specs())
def test_json_gives_back_the_same_spec(spec: ImageSpec) -> None:
    assert ImageSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_the_defaults_are_those_of_the_training_functions() -> None:
    assert ImageSpec(preprocessing="none").resize == "nearest"
    assert ImageSpec(family="tensorflow", preprocessing="none").resize == "bilinear"


def test_sized_fills_in_only_what_is_missing() -> None:
    assert ImageSpec(height=100, preprocessing="none").sized(224, 225).size == (100, 225)


def test_a_spec_without_a_size_says_what_to_give() -> None:
    with pytest.raises(InvalidArgument, match="height 5 and width None: give both"):
        _ = ImageSpec(height=5, preprocessing="none").size


def test_preprocessing_has_no_default() -> None:
    with pytest.raises(InvalidArgument, match="preprocessing is missing"):
        ImageSpec(224, 224)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"height": 0}, "height is 0"),
        ({"width": 20000}, "from 1 to 16384"),
        ({"height": True}, "height is True"),
        ({"width": 2.5}, "width is 2.5"),
        ({"color": "RGB"}, "color is 'RGB'; give one of grayscale, rgb, rgba"),
        ({"family": "opencv"}, "family is 'opencv'"),
        ({"resize": "area"}, "resize='area' is not available with family='pillow': .*needs family='tensorflow'"),
        ({"fit": ["pad"]}, "fit is"),
        ({"resize": ["nearest"]}, "resize=.* is not available"),
        ({"antialias": 1}, "antialias is 1"),
        ({"antialias": True}, "antialias works with family='tensorflow'"),
        ({"heigth": 3}, "no field 'heigth': did you mean 'height'"),
        ({"color": "grayscale", "preprocessing": "resnet"}, "needs color 'rgb'"),
    ],
)
def test_what_does_not_exist_or_go_together_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        ImageSpec.from_json({"preprocessing": "none"} | fields)


def test_a_spec_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="an image spec must be an object"):
        ImageSpec.from_json([1])  # type: ignore[arg-type]


@given(specs())
def test_its_text_is_the_call_that_makes_it(spec: ImageSpec) -> None:
    assert eval(repr(spec), {"ImageSpec": ImageSpec}) == spec
    assert spec.family in spec._repr_html_()


def test_its_text_leaves_out_the_defaults() -> None:
    assert repr(ImageSpec(preprocessing="none")) == "ImageSpec(preprocessing='none')"
    spec = ImageSpec(160, 160, family="tensorflow", resize="bilinear", preprocessing={"scale": 2, "offset": [1, 2, 3]})
    assert repr(spec) == (
        "ImageSpec(height=160, width=160, family='tensorflow', preprocessing={'scale': 2.0, 'offset': [1.0, 2.0, 3.0]})"
    )


def test_a_field_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"ImageSpec\(\) got an unexpected option 'preproces': did you mean 'preproc"):
        ImageSpec(preproces="none")  # type: ignore[arg-type]
