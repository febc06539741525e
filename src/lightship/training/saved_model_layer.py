"""A Keras model that runs a SavedModel, for versions without a Keras model of their own. It can only predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lightship.errors import InvalidArgument
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.quiet import quiet
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


class SavedModelLayer(keras.layers.Layer):  # type: ignore[misc]
    """Runs `serving_default` of a SavedModel with one input and one output, without weights that Keras knows."""

    def __init__(self, folder: Path, name_of_input: str, shape: tuple[int | None, ...]) -> None:
        super().__init__(trainable=False, name="saved_model")
        self.folder = folder
        self._name_of_input, self._shape = name_of_input, shape
        # In a list, in which Keras looks for nothing to track.
        self._loaded = [tf.saved_model.load(str(folder), tags=["serve"])]

    def call(self, images: Any) -> Any:
        (output,) = self._loaded[0].signatures[DEFAULT_SIGNATURE](**{self._name_of_input: images}).values()
        return output

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        return keras.KerasTensor((images.shape[0], *self._shape[1:]), dtype="float32")


def predicting_model(folder: Path) -> keras.Model:
    """Returns a model that runs `serving_default` of the SavedModel in a folder.

    Raises InvalidArgument if that has not one input and one output, or if TensorFlow cannot load it.
    """
    signature = read_saved_model(folder).signatures.get(DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1 or len(signature.outputs) != 1:
        raise InvalidArgument(f"{folder} has no {DEFAULT_SIGNATURE} of one input and one output: use lightship.load")
    ((name, one),), ((_, output),) = signature.inputs.items(), signature.outputs.items()
    with reraise_as(InvalidArgument, f"TensorFlow cannot load the SavedModel {folder}: {{}}"), quiet():
        images = keras.Input(_free(one.shape)[1:], dtype=one.dtype.numpy, name=name)
        return keras.Model(images, SavedModelLayer(folder, name, _free(output.shape))(images))


def saved_model_of(model: Any) -> Path | None:
    """Returns the folder of the SavedModel that a model of `predicting_model` runs; None for any other model."""
    layers = getattr(model, "layers", None) or []
    return next((layer.folder for layer in layers if isinstance(layer, SavedModelLayer)), None)


def _free(shape: tuple[int, ...] | None) -> tuple[int | None, ...]:
    return tuple(None if size < 0 else size for size in shape or ())
