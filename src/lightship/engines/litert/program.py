"""Runs one signature of `model.tflite`."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import SHORT_SECONDS, Program, Refused, describe, unexpected_shapes
from lightship.engines.finite import require_finite
from lightship.engines.litert.interpreter import Call, Interpreter, InterpreterError
from lightship.engines.litert.pool import Pool
from lightship.engines.litert.shapes import ShapeChecks
from lightship.errors import InvalidArgument
from lightship.saved_model.signatures import Signature
from lightship.saved_model.tflite import TfliteSignature
from lightship.tensors.dtypes import DataType

Arrays = Mapping[str, NDArray[Any]]

# Rows of zeros with more numbers are not tried: a request without rows has few bytes, whatever the size of its rows.
_MAX_TRIED_NUMBERS = 1 << 24


class LiteRTProgram(Program):
    """A signature, run by the interpreters of its file.

    Free dimensions may have any size. Others must be as declared, but for one case: where each input and output is
    declared with a first dimension of 1, as old converters do, several rows are run one after another.
    """

    def __init__(
        self,
        pool: Pool,
        signature: Signature,
        found: TfliteSignature,
        checks: ShapeChecks | None = None,
        *,
        for_tensorflow: bool = False,
    ) -> None:
        """`for_tensorflow`: whether its answers are TensorFlow's, which then answers what LiteRT treats differently."""
        self._pool, self._signature, self._outputs = pool, signature, found.outputs
        self._call = Call(found.subgraph, {name: found.inputs[name] for name in signature.inputs}, checks)
        specs = (*signature.inputs.values(), *signature.outputs.values())
        self._declared = [(name, spec.shape) for name, spec in signature.inputs.items()]
        # The inputs that must be finite.
        self._floats = [name for name, spec in signature.inputs.items() if spec.dtype.numpy.kind in "fc"]
        self._for_tensorflow = for_tensorflow
        self._strings = [name for name, spec in signature.inputs.items() if spec.dtype == DataType.DT_STRING]
        self._single_row = bool(signature.inputs) and all(spec.shape and spec.shape[0] == 1 for spec in specs)

    def run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the signature. Raises InvalidArgument, with LiteRT's text, for shapes and values that it refuses.

        Where TensorFlow is to answer those, and NaN and infinity, raises CannotRun.
        """
        with self._leaving_to_tensorflow(inputs):
            return self._run(inputs, outputs)

    def _run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        rows = self._rows(inputs)
        if rows == 0:
            return self._no_rows(outputs)
        if _is_empty(inputs):
            return self._without_rows(inputs, outputs)
        parts = [inputs] if rows is None else [_row(inputs, row) for row in range(rows)]
        shapes = tuple(parts[0][name].shape for name in self._call.inputs)
        size = sum(array.nbytes for array in parts[0].values())
        with self._refusing(inputs), self._pool.interpreter(self._call, shapes, size) as interpreter:
            answers = [self._answer(interpreter, part, outputs) for part in parts]
        return answers[0] if rows is None else _together(answers)

    def try_run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        """Runs the signature if an interpreter is free whose last runs, with these shapes, were short."""
        with self._leaving_to_tensorflow(inputs):
            return self._try_run(inputs, outputs)

    def _try_run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        if self._rows(inputs) is not None or _is_empty(inputs):
            return None
        shapes = tuple(inputs[name].shape for name in self._call.inputs)
        ready = self._pool.ready_interpreter(self._call, shapes, SHORT_SECONDS)
        with self._refusing(inputs), ready as interpreter:
            return None if interpreter is None else self._answer(interpreter, inputs, outputs)

    def _answer(self, interpreter: Interpreter, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        arrays = interpreter.run(self._call, inputs, [self._outputs[name] for name in outputs])
        return dict(zip(outputs, arrays, strict=True))

    @contextmanager
    def _leaving_to_tensorflow(self, inputs: Arrays) -> Iterator[None]:
        """Raises CannotRun for NaN, infinity and what the block refuses, if TensorFlow is to answer them."""
        if not self._for_tensorflow:
            yield
            return
        require_finite(inputs, self._floats)
        try:
            yield
        except InvalidArgument as error:
            raise Refused(error, doubtful=True) from error

    @contextmanager
    def _refusing(self, inputs: Arrays) -> Iterator[None]:
        """Raises InvalidArgument, with LiteRT's text, for an InterpreterError of the block."""
        try:
            yield
        except InterpreterError as error:
            name, what = self._signature.name, describe(inputs)
            raise InvalidArgument(f'LiteRT cannot run "{name}" with {what}: {error}') from error

    def _rows(self, inputs: Arrays) -> int | None:
        """Returns None if all shapes are as declared, otherwise the number of rows to run one after another.

        Raises InvalidArgument if the shapes are not those of rows either.
        """
        for name in self._strings:
            if inputs[name].ndim == 0:
                raise InvalidArgument(f'input "{name}" is a single string, which LiteRT does not take: send a list')
        if all(shape is None or _fits(inputs[name].shape, shape) for name, shape in self._declared):
            return None
        rows = {len(array) for array in inputs.values() if array.ndim}
        if self._single_row and len(rows) == 1:
            count = rows.pop()
            if all(_fits(inputs[name].shape, (count, *(shape or ())[1:])) for name, shape in self._declared):
                return count
        raise InvalidArgument(unexpected_shapes(self._signature, inputs))

    def _no_rows(self, outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Returns the outputs for no row at all. A size that only a run would tell is 0."""
        specs = {name: self._signature.outputs[name] for name in outputs}
        return {
            name: np.empty((0, *(max(size, 0) for size in (spec.shape or ())[1:])), spec.dtype.numpy)
            for name, spec in specs.items()
        }

    def _without_rows(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Answers arrays without rows: LiteRT itself ends the process, or gives wrong shapes, with some of them.

        Raises InvalidArgument if it is not only the rows that are missing, or if the outputs do not have as many rows
        as the inputs. That is tried with rows of zeros.
        """
        refused = InvalidArgument(
            f'LiteRT cannot run "{self._signature.name}" with {describe(inputs)}: it does not compute with arrays that '
            "have no elements"
        )
        free = {name for name, shape in self._declared if shape and shape[0] == -1}
        if any(len(inputs[name]) for name in free):
            raise refused
        if sum(math.prod(inputs[name].shape[1:]) for name in free) > _MAX_TRIED_NUMBERS:
            raise refused
        one, two = (self._zeros(inputs, free, rows) for rows in (1, 2))
        if _is_empty(one):
            raise refused
        try:
            first, second = self._run(one, outputs), self._run(two, outputs)
        except InvalidArgument as error:
            raise refused from error
        if not all(first[name].shape[:1] == (1,) and _is_doubled(first[name], second[name]) for name in outputs):
            raise refused
        return {name: array[:0] for name, array in first.items()}

    def _zeros(self, inputs: Arrays, free: Collection[str], rows: int) -> Arrays:
        """Returns inputs with so many rows of zeros, or of empty strings, in place of those of the inputs `free`."""
        return {
            name: np.full((rows, *array.shape[1:]), b"" if name in self._strings else 0, array.dtype)
            if name in free
            else array
            for name, array in inputs.items()
        }


def _is_empty(inputs: Arrays) -> bool:
    return any(array.size == 0 for array in inputs.values())


def _is_doubled(one: NDArray[Any], two: NDArray[Any]) -> bool:
    return two.shape == (2 * len(one), *one.shape[1:])


def _fits(shape: Sequence[int], declared: Sequence[int]) -> bool:
    return len(shape) == len(declared) and all(map(_accepts, declared, shape))


def _accepts(declared: int, size: int) -> bool:
    return declared in (-1, size)


def _row(inputs: Arrays, row: int) -> Arrays:
    return {name: array[row : row + 1] for name, array in inputs.items()}


def _together(answers: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """Returns the answers for single rows as one."""
    try:
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
    except ValueError as error:
        raise InvalidArgument(f"the rows have outputs of different shapes: send each by itself ({error})") from error
