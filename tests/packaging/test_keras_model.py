"""How a Keras model becomes a SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from lightship.packaging.keras_model import KerasModel


def test_a_signature_is_traced_once_to_be_saved(tmp_path: Path) -> None:
    """Keras' own export traces it twice. What it traces beside the signatures has an input of another name."""
    traced = []

    class Noting(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            traced.append(inputs.name)
            return 2 * inputs

    source = KerasModel(keras.Sequential([keras.Input((4,), name="numbers"), Noting()]))
    (name,) = source.inputs
    traced.clear()
    source.write(tmp_path / "1", None, None)
    assert traced.count(f"{name}:0") == 1
    assert (tmp_path / "1" / "saved_model.pb").exists()
