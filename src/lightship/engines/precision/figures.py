"""What is measured when answers in a precision are compared with those in f32."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

# Numbers are compared with the largest number of their output, but at least with this one.
_SMALLEST_SCALE = 1e-3


@dataclass(frozen=True, slots=True)
class Figures:
    """How far answers are from those they should be."""

    # The largest difference of two numbers of an output, as a share of the output's largest number.
    difference: float = 0.0
    # Of the rows with several numbers, those whose largest number is at the same place, and all of them. So is the row
    # of an output of whole numbers or texts that is equal.
    agreeing: int = 0
    rows: int = 0

    @property
    def agreement(self) -> float:
        """The share of the rows that agree; 1 if there are none to compare."""
        return self.agreeing / self.rows if self.rows else 1.0

    def __add__(self, other: Figures) -> Figures:
        return Figures(max(self.difference, other.difference), self.agreeing + other.agreeing, self.rows + other.rows)

    def within(self, max_difference: float, min_agreement: float) -> bool:
        """Returns whether both figures are within their limits."""
        return self.difference <= max_difference and self.agreement >= min_agreement

    def __str__(self) -> str:
        shares = f"{self.agreeing} of {self.rows} ({_percent(self.agreement)})"
        agreement = shares if self.rows else "not defined for these outputs"
        return f"largest difference {self.difference:.3g}, top-1 agreement {agreement}"


def compare_answers(expected: Arrays, answer: Arrays) -> Figures:
    """Compares all outputs of an answer with those of a run in f32, or with the trained model's.

    The difference is infinite if an output is missing, has another shape, or if only one of two numbers is finite.
    """
    found = Figures()
    for name, wanted in expected.items():
        got = answer.get(name)
        if got is None or got.shape != wanted.shape:
            return Figures(math.inf, 0, max(1, found.rows))
        found += _compare_output(np.asarray(wanted), np.asarray(got))
    return found


def _compare_output(wanted: NDArray[Any], got: NDArray[Any]) -> Figures:
    if not wanted.size:
        return Figures()
    if wanted.dtype.kind in "iubSUO":
        rows = len(wanted) if wanted.ndim else 1
        same = np.asarray(wanted == got).reshape(rows, -1).all(axis=1)
        return Figures(0.0, int(same.sum()), rows)
    wide = np.complex128 if wanted.dtype.kind == "c" else np.float64
    wanted, got = wanted.astype(wide), got.astype(wide)
    agreeing, rows = _best(wanted, got)
    return Figures(_difference(wanted, got), agreeing, rows)


def _difference(wanted: NDArray[Any], got: NDArray[Any]) -> float:
    equal = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(equal, 0.0, np.nan_to_num(np.abs(got - wanted), nan=np.inf, posinf=np.inf))
    scale = float(np.max(np.abs(wanted), where=np.isfinite(wanted), initial=0.0))
    return float(apart.max()) / max(scale, _SMALLEST_SCALE)


def _best(wanted: NDArray[Any], got: NDArray[Any]) -> tuple[int, int]:
    """Returns how many rows have their largest number at the same place, and how many there are."""
    if wanted.ndim != 2 or wanted.shape[1] < 2 or wanted.dtype.kind == "c":
        return 0, 0
    return int((wanted.argmax(axis=1) == got.argmax(axis=1)).sum()), len(wanted)


def _percent(share: float) -> str:
    """Returns a share in percent. Rounded down, so that only all rows are 100 %."""
    return f"{math.floor(share * 1000) / 10:g} %"
