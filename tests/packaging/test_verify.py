"""An export that would answer wrongly is an error, and nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.packaging.conftest import PETS, SPEC, entries

from lightship.errors import Internal
from lightship.packaging import export
from lightship.packaging.keras_model import KerasModel
from lightship.packaging.signatures import ImageSignatures


def off_by_a_little(outputs: dict[str, Any]) -> dict[str, Any]:
    return {name: output + 0.01 for name, output in outputs.items()}


def under_another_name(outputs: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_x": output for name, output in outputs.items()}


@pytest.mark.parametrize("change", [off_by_a_little, under_another_name])
def test_other_answers_than_the_trained_models_are_an_error(
    tmp_path: Path, model: keras.Model, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]
) -> None:
    run = KerasModel.run
    monkeypatch.setattr(KerasModel, "run", lambda self, inputs: change(run(self, inputs)))
    with pytest.raises(Internal, match="serving_default on TensorFlow: output"):
        export(model, tmp_path / "models" / "m")
    assert entries(tmp_path) == set()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda one: replace(one, labels=one.labels[::-1]), "image_bytes on TensorFlow: output 'scores' differs"),
        (lambda one: replace(one, image=replace_preprocessing(one, "caffe")), "image_bytes on TensorFlow"),
    ],
)
def test_labels_or_preprocessing_that_went_wrong_in_the_graph_are_an_error(
    tmp_path: Path, model: keras.Model, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Any], Any], text: str
) -> None:
    functions = ImageSignatures.functions
    monkeypatch.setattr(ImageSignatures, "functions", lambda self, scores_of: functions(wrong(self), scores_of))
    with pytest.raises(Internal, match=text):
        export(model, tmp_path / "m", classes=PETS, image=SPEC)
    assert entries(tmp_path) == set()


def replace_preprocessing(signatures: ImageSignatures, name: str) -> Any:
    return replace(signatures.image, preprocessing="vgg16" if name == "caffe" else name)


def test_an_engine_that_answers_otherwise_is_an_error(
    tmp_path: Path, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightship.packaging import verify

    load = verify.load_engine

    def wrong(*arguments: Any) -> Any:
        engine = load(*arguments)
        run = engine.run
        monkeypatch.setattr(type(engine), "run", lambda self, *call: {"output_0": np.flip(run(*call)["output_0"], 1)})
        return engine

    monkeypatch.setattr(verify, "load_engine", wrong)
    with pytest.raises(Internal, match="serving_default on openvino: output"):
        export(model, tmp_path / "m")
    assert entries(tmp_path) == set()
