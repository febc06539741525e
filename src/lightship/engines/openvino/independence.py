"""Finds out by trial whether the rows of a batch are independent, so that calls may be joined to one run."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun, Refused
from lightship.engines.comparison import FREE_SIZES, differences, random_inputs, whole_numbers
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, Description
from lightship.engines.openvino.guarding import refused_shapes
from lightship.engines.openvino.row_mixing import COMPARED_ROWS, mixing
from lightship.engines.openvino.shapes import reshaped
from lightship.errors import InvalidArgument
from lightship.saved_model.signatures import Signature

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]

# Each sample has so many different rows, which are run alone, and together in these orders.
_ROWS = 3
_ORDERS = ((1, 0), (2, 0, 1), (0, 2))
# After so many seconds no further sample is tried; the first sample always is. The first limit is for models of which
# each operation is known to keep rows apart.
_PROVEN_SECONDS, _TRIAL_SECONDS = 0.2, 2.0
# The rows of a sample are multiplied by these factors: rows that are much larger must not change the others.
_FACTORS = (1.0, -25.0, 1000.0)
# Integers are drawn below these limits, if the model accepts them: more values than 0 and 1 tell more.
_LIMITS = (100, 10, 2)


def rows_are_independent(
    model: Any,
    compiled: Mapping[str, Compiled],
    description: Description,
    signature: Signature,
    apart: tuple[float, float],
    golden: Arrays | None = None,
) -> bool:
    """Returns whether rows that are run together give what each gives alone.

    `model` is the uncompiled model, whose operations are looked at first: an operation that works along the rows
    refuses the model. Then different rows are run together and alone, with inputs of several kinds, and with the rows
    of the golden sample `golden`. `apart` are the allowed differences, relative and absolute. If no inputs can be found
    that the model accepts, its rows count as dependent.
    """
    declared = description.declared
    if DECLARED not in compiled or not declared.shapes or len(declared.batched) != len(declared.shapes):
        return False
    return any(
        _independent_of_size(model, compiled[DECLARED], description, signature, apart, golden, free)
        for free in (FREE_SIZES[:1] if declared.rows_at_most else FREE_SIZES)
    )


def _independent_of_size(
    model: Any,
    compiled: Compiled,
    description: Description,
    signature: Signature,
    apart: tuple[float, float],
    golden: Arrays | None,
    free: int,
) -> bool:
    """`free` is the size of free dimensions other than the first one."""
    guess = random_inputs(signature, _ROWS, np.random.default_rng(2), free)
    if guess is None:
        return False
    try:
        few, many = (_of_rows(model, description, guess, rows) for rows in COMPARED_ROWS)
    except RuntimeError:
        return False
    if refused_shapes(few) or refused_shapes(many):
        return False
    found = mixing(few, many)
    if found.reason is not None:
        logger.info('calls of signature "%s" are not joined: %s', signature.name, found.reason)
        return False
    trial = _Trial(compiled, apart)
    return trial.passes(_samples(signature, guess, golden, free), proven=found.proven)


def accepted_sample(compiled: Compiled, signature: Signature) -> Arrays | None:
    """Returns inputs of a few different rows that the model accepts, or None if no such inputs can be guessed."""
    guess = random_inputs(signature, _ROWS, np.random.default_rng(2))
    if guess is None:
        return None
    trial = _Trial(compiled, (0.0, 0.0))
    return next(
        (sample for sample in next(_samples(signature, guess, None, FREE_SIZES[0])) if trial.accepts(sample)), None
    )


def _of_rows(model: Any, description: Description, sample: Arrays, rows: int) -> Any:
    return reshaped(model, description.inputs, {name: (rows, *array.shape[1:]) for name, array in sample.items()})


class _Trial:
    """Runs rows together and alone, and compares."""

    def __init__(self, compiled: Compiled, apart: tuple[float, float]) -> None:
        self._compiled, self._apart = compiled, apart
        self._varied: set[str] = set()

    def passes(self, samples: Iterator[Sequence[Arrays]], *, proven: bool) -> bool:
        """Returns whether all samples that the model accepts agree, and it accepts one.

        `samples` are lists of inputs of one kind, of which the first that the model accepts is tried. Unless the
        operations are `proven` to keep rows apart, every output has to differ between rows: one that never does cannot
        detect mixed rows.
        """
        tried, end = 0, time.perf_counter() + (_PROVEN_SECONDS if proven else _TRIAL_SECONDS)
        for kinds in samples:
            agreed = next((found for sample in kinds if (found := self._agrees(sample)) is not None), None)
            if agreed is False:
                return False
            tried += agreed is True
            if tried and time.perf_counter() > end:
                break
        return tried > 0 and (proven or self._varied >= set(self._compiled.outputs))

    def accepts(self, sample: Arrays) -> bool:
        """Returns whether the model accepts all rows of the sample together."""
        return self._run(sample, range(_ROWS)) is not None

    def _agrees(self, sample: Arrays) -> bool | None:
        """Returns whether the rows agree. Returns None if the model does not accept one of them alone."""
        alone = [self._run(sample, (row,)) for row in range(_ROWS)]
        found = [one for one in alone if one is not None]
        if len(found) < _ROWS:
            return None
        if not all(array.ndim and len(array) == 1 for one in found for array in one.values()):
            return False
        self._note_varied(found)
        return all(self._same(self._run(sample, order), [found[row] for row in order]) for order in _ORDERS)

    def _same(self, together: Arrays | None, alone: Sequence[Arrays]) -> bool:
        if together is None:
            return False
        expected = {name: np.concatenate([one[name] for one in alone]) for name in together}
        return differences(expected, together, *self._apart) is None

    def _note_varied(self, alone: Sequence[Arrays]) -> None:
        for one, other in ((0, 1), (1, 2), (0, 2)):
            for name, array in alone[one].items():
                if name not in self._varied and differences({name: array}, {name: alone[other][name]}, *self._apart):
                    self._varied.add(name)

    def _run(self, sample: Arrays, rows: Sequence[int]) -> dict[str, NDArray[Any]] | None:
        """Returns all outputs for these rows of the sample, or None if the model does not accept them."""
        try:
            return self._compiled.run(
                {name: array[list(rows)] for name, array in sample.items()}, self._compiled.outputs
            )
        except (CannotRun, Refused, InvalidArgument):
            return None


def _samples(signature: Signature, guess: Arrays, golden: Arrays | None, free: int) -> Iterator[Sequence[Arrays]]:
    """Yields samples of several kinds, the most telling first. Each is a list, in which less demanding ones follow."""
    rng = np.random.default_rng(3)
    wide = [_with_integers(guess, limit, rng) for limit in _LIMITS]
    yield [*wide, *map(whole_numbers, wide)]
    if golden is not None and _fits(golden, guess):
        yield [_beside_golden(golden, guess)]
    again = random_inputs(signature, _ROWS, rng, free)
    if again is not None:
        yield [_scaled(_with_integers(again, limit, rng)) for limit in _LIMITS]
        yield [whole_numbers(again)]


def _with_integers(sample: Arrays, limit: int, rng: np.random.Generator) -> Arrays:
    """Draws integers from 0 to below `limit`. Pixels have their own range already."""
    return {
        name: rng.integers(0, limit, array.shape).astype(array.dtype)
        if array.dtype.kind in "iu" and (not array.size or array.max() < 2)
        else array
        for name, array in sample.items()
    }


def _scaled(sample: Arrays) -> Arrays:
    """Multiplies the rows of floats by very different factors."""
    return {
        name: (array * np.reshape(_FACTORS, (-1, *(1,) * (array.ndim - 1)))).astype(array.dtype)
        if array.dtype.kind == "f"
        else array
        for name, array in sample.items()
    }


def _fits(golden: Arrays, guess: Arrays) -> bool:
    return golden.keys() == guess.keys() and all(
        len(array) and array.shape[1:] == guess[name].shape[1:] and array.dtype == guess[name].dtype
        for name, array in golden.items()
    )


def _beside_golden(golden: Arrays, guess: Arrays) -> Arrays:
    """The first rows of the golden sample, filled up with random ones."""
    return {name: np.concatenate([golden[name], guess[name]])[:_ROWS] for name in guess}
