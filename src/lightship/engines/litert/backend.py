"""Opens `model.tflite` of a version folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from lightship.engines.backend import Backend, Runtime
from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.litert.operations import check_operations
from lightship.engines.litert.pool import Pool
from lightship.engines.litert.program import LiteRTProgram
from lightship.engines.litert.shapes import ShapeChecks, check_late_shapes
from lightship.errors import NotFound, Unimplemented
from lightship.extras import INSTALL_LITERT
from lightship.processors import available_cpus
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.saved_model.tflite import as_saved_model, parse_tflite, signatures_of, tflite_bytes
from lightship.saved_model.versions import TFLITE_FILE
from lightship.tensors.dtypes import DataType


class LiteRT(Backend):
    """The backend "litert"."""

    name = "litert"

    def open(self, folder: Path, saved_model: SavedModel, options: EngineOptions) -> Runtime:
        """Opens `model.tflite`.

        Raises CannotRun if it is not there, if LiteRT is not installed, or if an operation may read or write outside of
        its tensors, and DataLoss if the file is truncated or damaged.
        """
        try:
            data = tflite_bytes(folder)
        except NotFound as error:
            raise CannotRun(f"the version has no {TFLITE_FILE}") from error
        if find_spec("ai_edge_litert") is None:
            raise CannotRun(f"LiteRT is not installed: {INSTALL_LITERT}")
        return LiteRTVersion(data, folder, options, for_tensorflow=saved_model.file != TFLITE_FILE)


class LiteRTVersion(Runtime):
    """One `model.tflite`, of which several interpreters run."""

    def __init__(self, data: bytes, folder: Path, options: EngineOptions, *, for_tensorflow: bool = False) -> None:
        """`for_tensorflow`: whether the signatures are those of a SavedModel."""
        model = parse_tflite(data, folder)
        check_operations(model, options.allow_unproven)
        check_late_shapes(model, options.allow_unproven)
        self._model, self._named = model, signatures_of(model, folder)
        self._for_tensorflow = for_tensorflow
        self._signatures = as_saved_model(model, folder).signatures
        cpus = options.threads or available_cpus()
        self.streams = options.tflite_interpreters or cpus
        variables = any(tensor.variable for graph in model.subgraphs for tensor in graph.tensors)
        self._pool = Pool(data, self.streams, max(1, cpus // self.streams), reset=variables)

    def program(self, signature: Signature) -> LiteRTProgram:
        """Returns the file's signature of this name. Raises CannotRun if its inputs or outputs are others."""
        own = self._signatures.get(signature.name)
        if own is None:
            raise CannotRun(f"{TFLITE_FILE} has no such signature; it has {', '.join(sorted(self._signatures))}")
        _check_same("inputs", signature.inputs, own.inputs)
        _check_same("outputs", signature.outputs, own.outputs)
        _check_types(own)
        self._pool.fill()
        found = self._named[signature.name]
        checks = ShapeChecks(self._model, found.subgraph)
        return LiteRTProgram(self._pool, own, found, checks, for_tensorflow=self._for_tensorflow)

    def close(self) -> None:
        """Frees the interpreters."""
        self._pool.close()


def _check_same(what: str, wanted: Mapping[str, TensorSpec], found: Mapping[str, TensorSpec]) -> None:
    if {name: spec.dtype for name, spec in wanted.items()} != {name: spec.dtype for name, spec in found.items()}:
        raise CannotRun(f"the {what} of {TFLITE_FILE} are {_listed(found)}, those of the model are {_listed(wanted)}")


def _listed(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(f"{name} ({spec.dtype.label})" for name, spec in sorted(specs.items())) or "none"


def _check_types(signature: Signature) -> None:
    """Raises CannotRun for types that cannot be passed to LiteRT, or come back from it."""
    for name, spec in (*signature.inputs.items(), *signature.outputs.items()):
        try:
            _ = spec.dtype.numpy
        except Unimplemented as error:
            raise CannotRun(f"{name} has the type {spec.dtype.label}, of which no tensors can be sent") from error
    for name, spec in signature.inputs.items():
        if spec.dtype == DataType.DT_STRING and spec.shape == ():
            raise CannotRun(f"{name} is a single string; LiteRT takes strings in arrays of one or more dimensions")
