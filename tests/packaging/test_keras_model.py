"""How a Keras model becomes a SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from lightship.bundle.bundle import open_bundle
from lightship.packaging import export
from lightship.packaging.keras_model import KerasModel


def with_inputs(*names: str) -> keras.Model:
    inputs = [keras.Input((4,), name=name) for name in names]
    return keras.Model(inputs, [keras.layers.Dense(2)(one) for one in inputs])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["Übergewicht"], ["input_bergewicht"]),
        (["_x"], ["input_x"]),
        (["-x"], ["input-x"]),
        (["年"], ["input_"]),
        (["größe"], ["gr__e"]),
        (["my input", "my_input"], ["my_input_1", "my_input"]),
        (["my input", "my_input", "my_input_1"], ["my_input_2", "my_input", "my_input_1"]),
        (["_x", "-x", "input_x"], ["input_x_1", "input-x_2", "input_x"]),
        (["a", "A", "a_1"], ["a", "A_2", "a_1"]),
        (["a.b", "a-b"], ["a.b", "a-b_1"]),
        (["1x", "arg_1x"], ["1x", "arg_1x_1"]),
        (["z.1", "A-b>", ".x"], ["z.1", "A-b>", ".x"]),
    ],
)
def test_inputs_have_valid_names_that_differ(tmp_path: Path, given: list[str], names: list[str]) -> None:
    model = with_inputs(*given)
    assert list(KerasModel(model).inputs) == names
    signature = open_bundle(export(model, tmp_path / "m"), "m", 1).saved_model.signatures["serving_default"]
    assert set(signature.inputs) == set(names)


def test_a_signature_is_traced_once_to_be_saved(tmp_path: Path) -> None:
    """Keras' own export traces it twice, and once more to look for tables in the model."""
    traced = []

    class Noting(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            traced.append(inputs.name)
            return 2 * inputs

    source = KerasModel(keras.Sequential([keras.Input((4,), name="numbers"), Noting()]))
    (name,) = source.inputs
    traced.clear()
    source.write(tmp_path / "1", None, None)
    assert traced == [f"{name}:0"]
    assert (tmp_path / "1" / "saved_model.pb").exists()
