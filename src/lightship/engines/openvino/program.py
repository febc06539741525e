"""One signature of a SavedModel, compiled by OpenVINO for this machine's CPU."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.dtypes import DataType
from lightship.bundle.saved_model import Signature
from lightship.engines.base import PROMPT_SECONDS, CannotRun, EngineOptions, NotPrompt, fits_int32
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.reading import input_ports, output_ports, read_signature
from lightship.engines.openvino.runtime import core, explain, properties
from lightship.engines.openvino.shapes import Declared, Shape, Shapes, declared_shapes, reshaped, rows_are_free
from lightship.engines.openvino.variants import Variants
from lightship.errors import InvalidArgument
from lightship.memory import give_memory_back

_TRIALS = 5
_MOST_TRIALS = 200
_TRIAL_SECONDS = 0.02
_WORTH_IT = 0.95
_MOST_KNOWN = 256  # shapes whose way and time are remembered


class OpenVINOProgram:
    """Runs one signature.

    The model is compiled as declared and, where its first dimension is the batch, once more for one row, which is
    faster. Arrays of other shapes are answered by `Variants`, since the operations alone decide what they take.
    """

    def __init__(self, folder: Path, signature: Signature, options: EngineOptions) -> None:
        """Reads and compiles. Raises CannotRun for what OpenVINO lacks, DataLoss for files it cannot read."""
        model = read_signature(folder, signature)
        self._signature = signature
        self._inputs = input_ports(model, signature)
        compiler = _Compiler(properties(options), self._inputs, output_ports(model, signature))
        self._declared = declared_shapes(model, self._inputs)
        self._rows_free = rows_are_free(model, self._inputs, self._declared)
        self._usual = _compile_declared(model, self._declared, compiler)
        self._single = self._compile_single(model, compiler) if self._rows_free else None
        self._variants = Variants(folder, signature, self._declared, self._usual, compiler)
        self._known: dict[tuple[Shape, ...], Compiled] = {}
        self._seconds: dict[tuple[Shape, ...], float] = {}
        self._wide = tuple(name for name, spec in signature.inputs.items() if spec.dtype is DataType.DT_INT64)
        del model
        give_memory_back()

    def run(
        self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], *, prompt: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Inputs of the signature's names and types. Raises InvalidArgument for shapes that an operation cannot take,
        CannotRun for values that OpenVINO has no room for, NotPrompt where it was asked for."""
        key = tuple([inputs[name].shape for name in self._inputs])
        if prompt and self._seconds.get(key, math.inf) > PROMPT_SECONDS:
            raise NotPrompt
        for name in self._wide:
            if not fits_int32(inputs[name]):
                raise CannotRun(f'OpenVINO computes with int32, and input "{name}" has values beyond it')
        clock = time.perf_counter if prompt else time.thread_time
        start = clock()
        compiled = self._known.get(key) or self._declared_way(key)
        if compiled is not None:
            results = compiled.run(inputs, outputs, prompt=prompt)
        else:
            results = self._variants.run(dict(zip(self._inputs, key, strict=True)), inputs, outputs, prompt=prompt)
        self._note(key, clock() - start, prompt)
        return results

    def _note(self, key: tuple[Shape, ...], seconds: float, prompt: bool) -> None:
        """Remembers how long these shapes take: as a thread's own time, since beside other threads the clock tells
        whose turn it was; a run on the event loop, where the clock is all there is, only if it took far too long."""
        if prompt and seconds < 10 * PROMPT_SECONDS:
            return
        if len(self._seconds) >= _MOST_KNOWN:
            self._seconds.clear()
        self._seconds[key] = seconds

    def _declared_way(self, key: tuple[Shape, ...]) -> Compiled | None:
        """What runs arrays of these shapes, if they are as declared, which is remembered."""
        shapes: Shapes = dict(zip(self._inputs, key, strict=True))
        rows = self._declared.rows_of(shapes) if self._rows_free else None
        if not rows or self._usual is None:
            return None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        compiled = self._single if rows == 1 and self._single is not None else self._usual
        self._known[key] = compiled
        return compiled

    def close(self) -> None:
        self._variants.close()
        self._known.clear()
        self._usual = self._single = None
        give_memory_back()

    def _compile_single(self, model: Any, compiler: _Compiler) -> Compiled | None:
        """The model for one row, unless it is no faster than the declared one: it holds the weights a second time.

        Measured: a MobileNetV2 takes 1.9 instead of 2.4 ms, a ResNet50V2 as long; more rows gain little or nothing.
        """
        if self._usual is None or not self._declared.batched:
            return None
        shapes = self._declared.with_rows(1)
        single = compiler(reshaped(model, self._inputs, shapes))
        zeros = {name: np.zeros(shapes[name], self._signature.inputs[name].dtype.numpy) for name in self._inputs}
        try:
            return single if _faster(single, self._usual, zeros) else None
        except InvalidArgument:  # zeros are no input of this model
            return None


class _Compiler:
    def __init__(self, wanted: Mapping[str, Any], inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        self._properties, self._inputs, self._outputs = wanted, inputs, outputs

    def __call__(self, model: Any) -> Compiled:
        compiled = core().compile_model(model, "CPU", dict(self._properties))
        return Compiled(compiled, self._inputs, self._outputs)


def _compile_declared(model: Any, declared: Declared, compiler: _Compiler) -> Compiled | None:
    """None where a rank is unknown: what arrives decides then."""
    if None in declared.shapes.values():
        return None
    try:
        return compiler(model)
    except RuntimeError as error:
        raise CannotRun(f"OpenVINO cannot compile the graph: {explain(error)}") from error


def _faster(one: Compiled, other: Compiled, inputs: Mapping[str, NDArray[Any]]) -> bool:
    """Whether `one` is faster by enough: by the shortest of some runs of each, taken in turn after one that allocates,
    since what else the machine does can only add to them."""
    times: dict[Compiled, list[float]] = {one: [], other: []}
    end = time.perf_counter() + _TRIAL_SECONDS
    while len(times[one]) <= _TRIALS or (time.perf_counter() < end and len(times[one]) < _MOST_TRIALS):
        for compiled, seconds in times.items():
            start = time.perf_counter()
            compiled.run(inputs, ())
            seconds.append(time.perf_counter() - start)
    return min(times[one][1:]) < _WORTH_IT * min(times[other][1:])
