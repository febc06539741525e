"""The `curl` line of a banner."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.cli.example_call import _a_photo, _example_body, model_url
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.tensors.dtypes import DataType

FLOAT, TEXT, WHOLE = DataType.DT_FLOAT, DataType.DT_STRING, DataType.DT_INT64


def signature(**inputs: tuple[DataType, tuple[int, ...] | None]) -> Signature:
    specs = {name: TensorSpec(name, dtype, shape, f"{name}:0") for name, (dtype, shape) in inputs.items()}
    return Signature("serving_default", "tensorflow/serving/predict", specs, {}, None)


@pytest.mark.parametrize(
    ("inputs", "body"),
    [
        ({"x": (FLOAT, (-1, 1))}, {"instances": [[1.0]]}),
        ({"x": (FLOAT, (-1,))}, {"instances": [1.0]}),
        ({"a": (WHOLE, (-1, 2)), "b": (TEXT, (-1,))}, {"instances": [{"a": [1, 1], "b": "text"}]}),
        ({"x": (FLOAT, ())}, {"inputs": {"x": 1.0}}),
        ({"a": (FLOAT, (2,)), "b": (FLOAT, (-1,))}, {"inputs": {"a": [1.0, 1.0], "b": [1.0]}}),
        ({"x": (FLOAT, (-1, 224, 224, 3))}, None),
        ({"x": (FLOAT, None)}, None),
        ({}, None),
    ],
)
def test_small_inputs_get_a_body_of_their_shape(
    inputs: dict[str, tuple[DataType, tuple[int, ...] | None]], body: object
) -> None:
    assert _example_body(signature(**inputs)) == body


def test_a_photo_that_is_there_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _a_photo() == "photo.jpg"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dog.png").touch()
    assert _a_photo() == "photos/dog.png"
    (tmp_path / "cat.JPG").touch()
    assert _a_photo() == "cat.JPG"


def test_a_models_url_works_when_pasted() -> None:
    assert model_url("http://h:1", "my dog/1") == "http://h:1/v1/models/my%20dog%2F1"
