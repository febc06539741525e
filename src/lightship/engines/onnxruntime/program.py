"""Runs one signature on onnxruntime."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import SHORT_SECONDS
from lightship.engines.finite import require_finite
from lightship.engines.onnxruntime.files import IndexGuard
from lightship.engines.onnxruntime.replicas import Replicas
from lightship.errors import InvalidArgument

Arrays = Mapping[str, NDArray[Any]]
Shapes = tuple[tuple[int, ...], ...]

_MAX_KNOWN = 256  # the most combinations of shapes whose run time is remembered


class OnnxProgram:
    """One signature. Any thread may call its methods.

    `inputs` are the names of the inputs that the graph uses. `guards` check indices, which are outputs of the graph.
    """

    def __init__(
        self,
        replicas: Replicas,
        inputs: Sequence[str],
        floats: Sequence[str],
        outputs: Mapping[str, str],
        guards: Sequence[IndexGuard] = (),
        precision: str = "f32",
    ) -> None:
        """`floats`: the inputs that may hold NaN. `outputs`: the names of the signature's outputs in the graph."""
        self._replicas, self._inputs, self._floats = replicas, tuple(inputs), tuple(floats)
        self._outputs = dict(outputs)
        # What it computes in.
        self.precision = precision
        self._guards, self._guarded = tuple(guards), tuple(guard.output for guard in guards)
        self._seconds: dict[Shapes, float] = {}

    def run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the signature on arrays with the signature's names and dtypes.

        Raises InvalidArgument for indices that are out of range, Refused for shapes that the operations do not accept,
        CannotRun for NaN and infinity, which GPUs treat differently, and ResourceExhausted if memory runs out.
        """
        require_finite(inputs, self._floats)
        start = time.perf_counter()
        found = self._replicas.run({name: inputs[name] for name in self._inputs}, self._wanted(outputs))
        self._note(inputs, time.perf_counter() - start)
        return self._checked(found, outputs)

    def try_run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        """Runs like `run` if a run with these shapes is known to be short and need not wait for others."""
        if self._seconds.get(self._shapes(inputs), math.inf) > SHORT_SECONDS:
            return None
        require_finite(inputs, self._floats)
        start = time.perf_counter()
        found = self._replicas.try_run({name: inputs[name] for name in self._inputs}, self._wanted(outputs))
        if found is None:
            return None
        # A single slow run does not predict the next one, unless it was far too slow.
        if (seconds := time.perf_counter() - start) > 10 * SHORT_SECONDS:
            self._note(inputs, seconds)
        return self._checked(found, outputs)

    def close(self) -> None:
        self._replicas.close()

    def _wanted(self, outputs: Sequence[str]) -> list[str]:
        return [*[self._outputs[name] for name in outputs], *self._guarded]

    def _checked(self, found: Sequence[NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        for guard, indices in zip(self._guards, found[len(outputs) :], strict=True):
            _check_indices(indices, guard.size)
        return dict(zip(outputs, found, strict=False))

    def _shapes(self, inputs: Arrays) -> Shapes:
        return tuple([inputs[name].shape for name in self._inputs])

    def _note(self, inputs: Arrays, seconds: float) -> None:
        """Remembers how long a run with these shapes takes."""
        if len(self._seconds) >= _MAX_KNOWN:
            self._seconds.clear()
        self._seconds[self._shapes(inputs)] = seconds


def _check_indices(indices: NDArray[Any], size: int) -> None:
    """Raises InvalidArgument with TensorFlow's text for an index that is out of range."""
    if indices.size and not (indices.min() >= 0 and indices.max() < size):
        wrong = np.argwhere((indices < 0) | (indices >= size))[0]
        place = f"[{','.join(map(str, wrong))}]" if indices.ndim else ""
        raise InvalidArgument(f"indices{place} = {int(indices[tuple(wrong)])} is not in [0, {size})")
