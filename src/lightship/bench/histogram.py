"""A histogram of latencies with three exact digits, whatever their size: the layout of HdrHistogram.

Gil Tene's HdrHistogram (http://hdrhistogram.org) divides each power of two into equal parts. The package `hdrhistogram`
has it for Python, but no wheels for Linux on ARM, and it needs setuptools when it runs. What is needed here, recording
many values at once with numpy and merging, takes a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BITS = 10
_HALF = 1 << _BITS  # parts of each power of two: no value is off by more than 1/1024
_MAX_EXPONENT = 33
MAX_NANOSECONDS = (1 << (_BITS + 1 + _MAX_EXPONENT)) - 1  # nearly five hours; longer ones count as this
_SIZE = _HALF * (_MAX_EXPONENT + 2)


class Histogram:
    """Counts of latencies in nanoseconds. Its size does not depend on how many there are."""

    __slots__ = ("counts", "largest", "total")

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(_SIZE, np.int64)
        self.total = 0  # of all values, in nanoseconds
        self.largest = 0

    def __len__(self) -> int:
        return int(self.counts.sum())

    def record(self, nanoseconds: Sequence[int]) -> None:
        """Counts values."""
        if not nanoseconds:
            return
        values = np.clip(np.asarray(nanoseconds, np.int64), 0, MAX_NANOSECONDS)
        exponents = np.maximum(np.frexp(values.astype(np.float64))[1] - (_BITS + 1), 0).astype(np.int64)
        self.counts += np.bincount(exponents * _HALF + (values >> exponents), minlength=_SIZE)
        self.total += int(values.sum())
        self.largest = max(self.largest, int(values.max()))

    def add(self, other: Histogram) -> None:
        """Adds the counts of another histogram."""
        self.counts += other.counts
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    def percentile(self, percent: float) -> float:
        """Returns the latency in seconds that so many percent of the values do not exceed; NaN without values."""
        count = len(self)
        if not count:
            return float("nan")
        rank = max(1, int(np.ceil(round(percent / 100 * count, 6))))
        index = int(np.searchsorted(np.cumsum(self.counts), rank))
        return min(_highest(index), self.largest) / 1e9

    @property
    def mean(self) -> float:
        """Seconds; NaN without values."""
        count = len(self)
        return self.total / count / 1e9 if count else float("nan")

    def to_fields(self) -> dict[str, object]:
        """Returns the histogram for JSON: the index and the count of each part that is not empty."""
        used = np.flatnonzero(self.counts)
        return {
            "parts": used.tolist(),
            "counts": self.counts[used].tolist(),
            "total": self.total,
            "largest": self.largest,
        }

    @classmethod
    def from_fields(cls, fields: dict[str, object]) -> Histogram:
        """Returns the histogram of `to_fields`."""
        histogram = cls()
        histogram.counts[np.asarray(fields["parts"], np.int64)] = np.asarray(fields["counts"], np.int64)
        histogram.total, histogram.largest = int(str(fields["total"])), int(str(fields["largest"]))
        return histogram


def _highest(index: int) -> int:
    """Returns the highest value that is counted at an index."""
    exponent = max(index // _HALF - 1, 0)
    return ((index - exponent * _HALF + 1) << exponent) - 1
