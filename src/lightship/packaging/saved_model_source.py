"""Exports an existing SavedModel, written by Keras 2, Keras 3, `tf.saved_model.save` or TensorFlow 1."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lightship.bundle.bundle import open_bundle
from lightship.bundle.manifest import EXTRAS, MANIFEST_FILE
from lightship.errors import DataLoss, InvalidArgument
from lightship.packaging.arguments import argument
from lightship.packaging.explain_signatures import CannotExplain, Explanations
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.loaded_explanations import LoadedExplanations
from lightship.packaging.quiet import quiet
from lightship.packaging.signatures import ImageSignatures, set_method_names
from lightship.packaging.trained import Arrays, ModelInput
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, INIT_SIGNATURE
from lightship.saved_model.versions import SAVED_MODEL_FILE, SAVED_MODEL_TEXT

if TYPE_CHECKING:
    from tensorflow import Tensor

# The parts of a SavedModel. Other files in the folder are not copied.
_PARTS = (SAVED_MODEL_FILE, SAVED_MODEL_TEXT, "variables", "assets", "fingerprint.pb", "keras_metadata.pb")

# Where Keras' own export keeps the second copies of the weights.
_KERAS_COPIES = "_all_variables"


class SavedModelSource:
    """A SavedModel. If Lightship exported it, its `lightship.json` gives the labels and the image spec."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved = read_saved_model(folder)
        with reraise_as(DataLoss, f"TensorFlow cannot load the SavedModel {folder}: {{}}"), quiet():
            self._loaded = tf.saved_model.load(str(folder), tags=["serve"])
        self._bundle = open_bundle(folder, folder.parent.name, 1) if (folder / MANIFEST_FILE).exists() else None
        self.labels = self._bundle.labels if self._bundle else None
        self.image = self._bundle.image if self._bundle else None
        self.scales_pixels = False  # the graph does not tell

    @property
    def inputs(self) -> Mapping[str, ModelInput]:
        signature = self._saved.signatures.get(DEFAULT_SIGNATURE)
        specs = signature.inputs.items() if signature else ()
        return {name: ModelInput(_free(spec.shape), tf.as_dtype(int(spec.dtype)).name) for name, spec in specs}

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        outputs = self._loaded.signatures[DEFAULT_SIGNATURE](**tensors)
        return {name: np.asarray(output.numpy()) for name, output in outputs.items()}

    def explain(self, layer: str | None) -> Explanations:
        spec = self._bundle.explain if self._bundle else None
        if spec is None:
            raise CannotExplain("a SavedModel does not tell its layers: export the Keras model, a .keras or .h5 file")
        if layer not in (None, spec.layer):
            raise InvalidArgument(
                f"{argument('explain')} is {layer!r}, but this SavedModel explains its layer {spec.layer!r}: "
                "export the Keras model to choose another one"
            )
        return LoadedExplanations(self._loaded, spec, next(iter(self.inputs)))

    def write(self, folder: Path, image: ImageSignatures | None, explain: Explanations | None) -> None:
        if self._bundle is None:
            self._copy(folder, [EXTRAS])  # the user's own warm-up records, for example
        if image is None:
            self._copy(folder, _PARTS)
            return
        _drop_copies(self._loaded)
        module = tf.Module()
        module.source = self._loaded
        left_out = {INIT_SIGNATURE, *(self._explaining() if explain is None else ())}
        signatures = {name: function for name, function in self._loaded.signatures.items() if name not in left_out}
        added = [*image.functions(self._scores), *(explain.functions(image) if explain is not None else ())]
        for name, function, specs in added:
            signatures[name] = tf.function(function, input_signature=specs, autograph=False)
            setattr(module, name, signatures[name])
        with quiet():
            tf.saved_model.save(module, str(folder), signatures=signatures)
        set_method_names(
            folder,
            {name: method for name, method in self._method_names().items() if name in signatures}
            | dict(image.method_names),
        )

    def _scores(self, images: Tensor) -> Tensor:
        (name,) = self.inputs
        (output,) = self._loaded.signatures[DEFAULT_SIGNATURE](**{name: images}).values()
        return output

    def _explaining(self) -> frozenset[str]:
        return self._bundle.internal_signatures | self._bundle.explain_signatures if self._bundle else frozenset()

    def _method_names(self) -> dict[str, str]:
        """Returns the method names of all signatures. Saving changes them to predict, also for classify and regress."""
        signatures = self._saved.signatures.values()
        return {one.name: one.method_name for one in signatures if one.name != INIT_SIGNATURE and one.method_name}

    def _copy(self, folder: Path, names: Iterable[str]) -> None:
        for name in names:
            part = self._folder / name
            if part.is_dir():
                shutil.copytree(part, folder / name)
            elif part.exists():
                shutil.copyfile(part, folder / name)


def _drop_copies(loaded: Any) -> None:
    """Lets a SavedModel of Keras' own export hold each weight once: Keras saves them as `_all_variables` once more."""
    used = {id(variable) for function in loaded.signatures.values() for variable in function.variables}
    copies = getattr(loaded, _KERAS_COPIES, ())
    if copies and used.isdisjoint(map(id, copies)):
        setattr(loaded, _KERAS_COPIES, [])


def _free(shape: tuple[int, ...] | None) -> tuple[int | None, ...] | None:
    return None if shape is None else tuple(None if size < 0 else size for size in shape)
