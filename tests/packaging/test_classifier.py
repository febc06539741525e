"""Which models are image classifiers, and what does not fit them."""

from __future__ import annotations

import numpy as np
import pytest

from lightship.bundle.golden import Golden
from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.packaging.classifier import image_signatures, with_model_size
from lightship.packaging.trained import ModelInput

NONE = ImageSpec(preprocessing="none")
PHOTO = {"photo": ModelInput((None, 8, 9, 3), "float32")}


def quietly(step: str) -> None:
    pass


def outputs(**shapes: tuple[int, ...]) -> Golden:
    return Golden({}, {name: np.zeros(shape) for name, shape in shapes.items()})


def test_the_size_is_the_models_own() -> None:
    assert with_model_size(NONE, PHOTO).size == (8, 9)
    assert with_model_size(NONE.sized(8, 9), {"x": ModelInput(None, "uint8")}).size == (8, 9)
    assert with_model_size(NONE.sized(5, 6), {"x": ModelInput((None, None, None, None), "uint8")}).size == (5, 6)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, "no serving_default"),
        (PHOTO | {"age": ModelInput((None, 1), "float32")}, r"photo \[N, 8, 9, 3\] float32, age \[N, 1\] float32"),
        ({"x": ModelInput((None, 4), "float32")}, "leave image= out"),
        ({"x": ModelInput((None, 8, 8, 3), "string")}, "leave image= out"),
        ({"x": ModelInput((1, 8, 8, 3), "float32")}, "fixed batch size of 1"),
        ({"x": ModelInput((None, 3, 8, 8), "float32")}, "last dimension is the channels"),
        ({"x": ModelInput((None, 8, 8, 4), "float32")}, r"give image=ImageSpec\(color='rgba'\)"),
        (
            {"x": ModelInput((None, 8, None, 3), "float32")},
            r"any width: give the one used in training, ImageSpec\(width=",
        ),
        ({"x": ModelInput(None, "float32")}, "any height"),
    ],
)
def test_a_model_that_takes_no_such_images_is_reported(inputs: dict[str, ModelInput], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        with_model_size(NONE, inputs)


def test_labels_image_and_one_output_make_the_signatures() -> None:
    image = NONE.sized(8, 9)
    made = image_signatures(("a", "b"), image, PHOTO, outputs(y=(2, 2)), quietly)
    assert made is not None
    assert (made.labels, made.image, made.dtype) == (("a", "b"), image, "float32")


@pytest.mark.parametrize(
    ("labels", "golden", "text"),
    [
        (None, outputs(y=(2, 2)), "give classes="),
        (("a", "b"), None, "the model's outputs are not known"),
    ],
)
def test_what_is_missing_for_them_is_reported(labels: tuple[str, ...] | None, golden: Golden | None, text: str) -> None:
    reported: list[str] = []
    assert image_signatures(labels, NONE, PHOTO, golden, reported.append) is None
    assert text in reported[0]


def test_a_photo_is_not_answered_by_several_outputs() -> None:
    text = (
        r"this one has y \[N, 2\], z \[N, 4, 4\]: export a model of one of them, such as "
        r"keras.Model\(model.inputs\[0\], model.outputs\[0\]\), or give image=False"
    )
    with pytest.raises(InvalidArgument, match=text):
        image_signatures(("a", "b"), NONE, PHOTO, outputs(y=(2, 2), z=(2, 4, 4)), quietly)
    assert image_signatures(("a", "b"), None, PHOTO, outputs(y=(2, 2), z=(2, 4, 4)), quietly) is None


def test_one_column_for_two_classes_needs_another_one() -> None:
    with pytest.raises(InvalidArgument, match=r"y \[N, 1\]: give one label.*Concatenate\(\)\(\[1 - p, p\]\)\)"):
        image_signatures(("cat", "dog"), NONE, PHOTO, outputs(y=(2, 1)), quietly)
    with pytest.raises(InvalidArgument) as refused:
        image_signatures(("cat", "dog", "cow"), NONE, PHOTO, outputs(y=(2, 1)), quietly)
    assert "Concatenate" not in refused.value.message


@pytest.mark.parametrize("shape", [(2, 3), (2,), (2, 2, 2)])
def test_labels_that_fit_no_output_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"2 classes \('a' to 'b'\), but the model's output is y \[N"):
        image_signatures(("a", "b"), None, PHOTO, outputs(y=shape), quietly)
