"""One interpreter of LiteRT, which one thread uses at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightship.engines.litert.shapes import ShapeChecks
from lightship.errors import FailedPrecondition

Shapes = tuple[tuple[int, ...], ...]
# A run counts as short by its slowest recent time. Older ones fade by this factor with each run.
_FADING = 0.7
_UNKNOWN = float("inf")


class Call(NamedTuple):
    """What is run: a graph, the places of its inputs there, and what is to be looked at before it runs."""

    subgraph: int
    inputs: Mapping[str, int]
    checks: ShapeChecks | None = None


class InterpreterError(Exception):
    """LiteRT refused shapes or values. The interpreter must not be used again: LiteRT may have lost its memory."""


class Interpreter:
    """Tensors of certain shapes, kept from one run to the next. Other shapes take some microseconds to a millisecond.

    reset: whether the file has operations that remember something from one run to the next; each run starts anew.
    """

    def __init__(self, data: bytes, threads: int, *, reset: bool) -> None:
        """`data` must not change. Raises FailedPrecondition if LiteRT does not open it."""
        from ai_edge_litert.interpreter import Interpreter as Library

        try:
            self._library = Library(model_content=data, num_threads=threads)
            # The public methods run the first graph only, or pass inputs as keyword arguments.
            self._native: Any = self._library._interpreter
        except (RuntimeError, ValueError, UnicodeDecodeError) as error:
            raise FailedPrecondition(f"LiteRT cannot open the model: {_text(error)}") from error
        self._reset = reset
        # By graph: the shapes of its inputs, and the slowest recent run with them.
        self._ready: dict[int, tuple[Shapes, float]] = {}

    def ready_for(self, call: Call, shapes: Shapes) -> bool:
        """Returns whether the last run of this graph had these shapes."""
        return self._ready.get(call.subgraph, (None, 0.0))[0] == shapes

    def seconds(self, call: Call) -> float:
        """Returns what runs of this graph with its present shapes took lately; infinity if that is not known."""
        return self._ready.get(call.subgraph, (None, _UNKNOWN))[1]

    def run(self, call: Call, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[int]) -> list[NDArray[Any]]:
        """Runs a graph and returns these of its tensors, as arrays of the caller's.

        Raises InterpreterError, with LiteRT's text, if an operation does not accept the shapes or values.
        """
        native, graph = self._native, call.subgraph
        shapes = tuple(arrays[name].shape for name in call.inputs)
        ready, before = self.ready_for(call, shapes), self.seconds(call)
        start = time.perf_counter()
        try:
            if not ready:
                self._ready.pop(graph, None)
                for (_, place), shape in zip(call.inputs.items(), shapes, strict=True):
                    native.ResizeInputTensor(place, np.array(shape, np.int32), False, graph)
                native.AllocateTensors(graph)
                shape_of = partial(self._shape, graph)
                if call.checks is not None and (fault := call.checks.fault(shape_of)):
                    raise InterpreterError(fault)
            if self._reset:
                native.ResetVariableTensors()
            for name, place in call.inputs.items():
                native.SetTensor(place, arrays[name], graph)
            native.Invoke(graph)
            results = [self._output(place, graph) for place in outputs]
        except (RuntimeError, ValueError) as error:
            raise InterpreterError(_text(error)) from error
        seconds = time.perf_counter() - start
        if not ready:  # it prepared the tensors too
            seconds = _UNKNOWN
        elif before != _UNKNOWN:
            seconds = max(seconds, before * _FADING)
        self._ready[graph] = shapes, seconds
        return results

    def _output(self, place: int, graph: int) -> NDArray[Any]:
        shape = self._shape(graph, place)
        if 0 in shape:  # LiteRT has no memory for an empty tensor, and refuses to return it
            dtype = np.dtype(self._native.TensorType(place, graph))
            return np.empty(shape, object if dtype.kind == "S" else dtype)
        array: NDArray[Any] = self._native.GetTensor(place, graph)
        return array

    def _shape(self, graph: int, place: int) -> tuple[int, ...]:
        return tuple(self._native.TensorSize(place, graph).tolist())


def _text(error: Exception) -> str:
    """Returns LiteRT's text in one line. It writes the name of the node right behind the reason."""
    text = str(error).strip() or "it gives no reason; the tensors may be too large for the memory"
    return " ".join(text.replace("Node number", " Node number").split())
