"""Tries whether rows that are run together give what each gives alone, on any engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun
from lightship.engines.comparison import FREE_SIZES, differences, random_inputs, whole_numbers
from lightship.errors import InvalidArgument
from lightship.saved_model.signatures import Signature

Arrays = Mapping[str, NDArray[Any]]
# Returns all outputs of a signature.
Run = Callable[[Arrays], Mapping[str, NDArray[Any]]]

# Each sample has so many different rows, which are run alone, and together in these orders.
ROWS = 3
_ORDERS = ((1, 0), (2, 0, 1), (0, 2))
# After so many seconds no further sample is tried; the first sample always is. The first limit is for models of which
# each operation is known to keep rows apart.
_PROVEN_SECONDS, _TRIAL_SECONDS = 0.2, 2.0
# The rows of a sample are multiplied by these factors: rows that are much larger must not change the others.
_FACTORS = (1.0, -25.0, 1000.0)
# Integers are drawn below these limits, if the model accepts them: more values than 0 and 1 tell more.
_LIMITS = (100, 10, 2)


def accepted_sample(run: Run, signature: Signature) -> Arrays | None:
    """Returns inputs of a few different rows that the model accepts, or None if no such inputs can be guessed."""
    guess = random_inputs(signature, ROWS, np.random.default_rng(2))
    if guess is None:
        return None
    trial = RowTrial(run, signature.outputs, (0.0, 0.0))
    return next(
        (sample for sample in next(row_samples(signature, guess, None, FREE_SIZES[0])) if trial.accepts(sample)), None
    )


class RowTrial:
    """Runs rows together and alone, and compares."""

    def __init__(self, run: Run, outputs: Collection[str], apart: tuple[float, float]) -> None:
        """`outputs` are the names of all outputs, `apart` the allowed differences, relative and absolute."""
        self._call, self._outputs, self._apart = run, set(outputs), apart
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
        return tried > 0 and (proven or self._varied >= self._outputs)

    def accepts(self, sample: Arrays) -> bool:
        """Returns whether the model accepts all rows of the sample together."""
        return self._run(sample, range(ROWS)) is not None

    def _agrees(self, sample: Arrays) -> bool | None:
        """Returns whether the rows agree. Returns None if the model does not accept one of them alone."""
        alone = [self._run(sample, (row,)) for row in range(ROWS)]
        found = [one for one in alone if one is not None]
        if len(found) < ROWS:
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

    def _run(self, sample: Arrays, rows: Sequence[int]) -> Arrays | None:
        """Returns all outputs for these rows of the sample, or None if the model does not accept them."""
        try:
            return self._call({name: array[list(rows)] for name, array in sample.items()})
        except (CannotRun, InvalidArgument):
            return None


def row_samples(signature: Signature, guess: Arrays, golden: Arrays | None, free: int) -> Iterator[Sequence[Arrays]]:
    """Yields samples of several kinds, the most telling first. Each is a list, in which less demanding ones follow."""
    rng = np.random.default_rng(3)
    wide = [_with_integers(guess, limit, rng) for limit in _LIMITS]
    yield [*wide, *map(whole_numbers, wide)]
    if golden is not None and _fits(golden, guess):
        yield [_beside_golden(golden, guess)]
    again = random_inputs(signature, ROWS, rng, free)
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
    return {name: np.concatenate([golden[name], guess[name]])[:ROWS] for name in guess}
