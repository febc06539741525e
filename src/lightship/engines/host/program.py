"""Runs one signature: strings and lookup tables here, the rest on OpenVINO."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun, EngineOptions, Refused
from lightship.engines.host.derived import model_inputs, write_derived
from lightship.engines.host.flat import Tensor
from lightship.engines.host.samples import declared, examples_of, samples
from lightship.engines.host.split import split
from lightship.engines.host.steps import Steps
from lightship.engines.host.tables import tables_of
from lightship.engines.openvino import OpenVINOProgram
from lightship.engines.openvino.program import Compiler
from lightship.engines.scratch import Scratch
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.reader import SavedModel, read_graph, read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature
from lightship.tensors.dtypes import DataType

# Makes the compiler of a signature in a folder.
Compiling = Callable[[Path, Signature], Compiler]
REASON = "strings and lookup tables run in Python, the rest on OpenVINO"
# What numpy raises for arrays that a graph should not have.
_UNFIT = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)


class HostProgram:
    """One signature in up to three parts: what runs here first, a model on OpenVINO, and what runs here last.

    Any thread may call its methods.
    """

    def __init__(
        self, folder: Path, model: SavedModel, signature: Signature, options: EngineOptions, compiling: Compiling
    ) -> None:
        """Raises CannotRun for operations that run neither here nor on OpenVINO, and DataLoss for broken files."""
        self._signature, self._texts = signature, options.tensorflow_texts
        self._scratch: Scratch | None = None
        self._program: OpenVINOProgram | None = None
        try:
            self._prepare(folder, model, options, compiling)
        except _UNFIT as error:
            raise CannotRun(f"the graph cannot be split ({error!r})") from error

    def _prepare(self, folder: Path, model: SavedModel, options: EngineOptions, compiling: Compiling) -> None:
        signature = self._signature
        for spec in (*signature.inputs.values(), *signature.outputs.values()):
            if not spec.tensor:
                raise CannotRun(f'sparse and composite tensors are TensorFlow\'s only (tensor "{spec.name}")')
        graph = read_graph(folder, signature.tags)
        self._split = split(graph, signature, options.allow_unproven)
        tables = tables_of(folder, graph, model)
        self._inputs = {name: _tensor(spec.tensor) for name, spec in signature.inputs.items()}
        kept = [one for node in self._split.last for one in node.inputs]
        first = {node.name for node in self._split.first}
        ready = [one for one in [*kept, *self._split.outputs.values()] if one.node in first]
        self._first = Steps(self._split.flat, self._split.first, [*self._split.fed, *ready], tables)
        self._last = Steps(self._split.flat, self._split.last, self._split.outputs.values(), tables)
        self._fed: dict[str, Tensor] = {}
        self._given: dict[str, Tensor] = {}
        self._direct: list[str] = []
        if self._split.model and self._split.given:
            self._make_model(folder, options, compiling)

    @property
    def engine(self) -> str:
        """The runtime of the model: "openvino", or "lightship" if all runs here."""
        return "lightship" if self._program is None else "openvino"

    @property
    def reason(self) -> str:
        return REASON if self._program is not None else "strings and lookup tables run in Python"

    @property
    def proof(self) -> str:
        return self._program.description.proof if self._program is not None else "table only"

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the signature. Raises InvalidArgument for values that TensorFlow refuses, and CannotRun for values that
        only TensorFlow can treat."""
        try:
            given = {tensor: inputs[name] for name, tensor in self._inputs.items()}
            given.update(self._first.run(given))
            if self._program is not None:
                arrays = {name: given[tensor] for name, tensor in self._fed.items()}
                if any(0 in array.shape[1:] for array in arrays.values()):
                    raise CannotRun("OpenVINO cannot compute with a text without words")
                arrays.update({name: inputs[name] for name in self._direct})
                found = self._program.run(arrays, tuple(self._given))
                given.update({tensor: found[name] for name, tensor in self._given.items()})
            results = self._last.run(given)
        except InvalidArgument as error:
            if self._texts:
                raise Refused(error) from error
            raise
        except _UNFIT as error:
            raise CannotRun(f"the operations in Python cannot run with these values ({error!r})") from error
        return {name: np.asarray(results[self._split.outputs[name]]) for name in outputs}

    def try_run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> None:
        """Always returns None: how long strings take depends on their lengths."""
        return None

    def close(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            program.close()
        if self._scratch is not None:
            self._scratch.remove()

    def _make_model(self, folder: Path, options: EngineOptions, compiling: Compiling) -> None:
        types = self._tried()
        names = [name for name in (f"fed_{index}" for index in range(len(types) + len(self._inputs)))]
        free = [name for name in names if name not in self._inputs]
        fed = {name: one for name, one in zip(free, types, strict=False)}
        self._fed = {name: tensor for name, (tensor, _, _) in fed.items()}
        self._direct = model_inputs(self._signature, self._split)
        try:
            self._scratch = Scratch()
        except OSError as error:
            raise FailedPrecondition(
                f'signature "{self._signature.name}" is read by way of a temporary folder, which cannot be made: '
                f"{error}; set TMPDIR to a folder that this user may write to"
            ) from error
        try:
            self._given = write_derived(folder, self._scratch.path, self._signature, self._split, fed)
            signature = read_saved_model(self._scratch.path).signatures[DEFAULT_SIGNATURE]
            compiler = compiling(self._scratch.path, signature)
            self._program = OpenVINOProgram(self._scratch.path, signature, options, compiler)
        except BaseException:
            self._scratch.remove()
            raise

    def _tried(self) -> list[tuple[Tensor, DataType, tuple[int, ...]]]:
        """Returns the types and shapes of what the model takes of the first part, as some samples show them."""
        found: dict[Tensor, list[NDArray[Any]]] = {tensor: [] for tensor in self._split.fed}
        for inputs in samples(self._signature, examples_of(self._split.flat, self._signature)):
            results = self._first.run({tensor: inputs[name] for name, tensor in self._inputs.items()})
            for tensor, arrays in found.items():
                arrays.append(results[tensor])
        return [
            (tensor, DataType.of(arrays[0].dtype), declared([array.shape for array in arrays]))
            for tensor, arrays in found.items()
        ]


def _tensor(name: str) -> Tensor:
    node, _, index = name.partition(":")
    return Tensor(node, int(index or 0))
