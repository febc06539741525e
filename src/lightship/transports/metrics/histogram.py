"""A histogram, by default with the buckets of TensorFlow Serving's latency metrics."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lightship.transports.metrics.text import histogram_samples

LATENCY_LIMITS = tuple(10 * 1.8**power for power in range(33))  # microseconds

_MAX_PENDING = 1024  # values; so many take 30 us to count, and 32 KB


class Histogram:
    """Counts values. A value is counted in the first bucket with a limit above the value, or else in the last one.

    `limits` are those of the buckets, in ascending order, except for the last bucket, which has none. Any thread may
    call its methods. Adding a value only notes it, because that is done for every request. The values are counted
    together when there are many, or when they are read.
    """

    __slots__ = ("_buckets", "_edges", "_limits", "_lock", "_pending", "_total")

    def __init__(self, limits: Sequence[float] = LATENCY_LIMITS) -> None:
        self._limits, self._edges = tuple(limits), np.array(limits)
        self._buckets = [0] * (len(limits) + 1)
        self._total = 0.0
        self._pending: list[float] = []
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Counts a value."""
        pending = self._pending
        pending.append(value)
        if len(pending) >= _MAX_PENDING:
            with self._lock:
                self._count_pending()

    def add_all(self, values: NDArray[np.float64]) -> None:
        """Counts values at once."""
        with self._lock:
            self._count(values)

    @property
    def count(self) -> int:
        """The number of values."""
        return sum(self.read()[0])

    def read(self) -> tuple[list[int], float]:
        """Returns the number of values in each bucket, and the sum of the values."""
        with self._lock:
            self._count_pending()
            return self._buckets.copy(), self._total

    def samples(self, name: str, labels: Mapping[str, str]) -> list[str]:
        """Returns the histogram's lines of a metrics page."""
        buckets, total = self.read()
        return histogram_samples(name, labels, [f"{limit:g}" for limit in self._limits], buckets, total)

    def _count_pending(self) -> None:
        """Counts the values that were noted. Other threads may note further ones meanwhile, behind them."""
        pending = self._pending
        number = len(pending)
        if not number:
            return
        values = np.fromiter(pending[:number], float, number)
        del pending[:number]
        self._count(values)

    def _count(self, values: NDArray[np.float64]) -> None:
        places = self._edges.searchsorted(values, "right")
        for place, count in enumerate(np.bincount(places).tolist()):
            self._buckets[place] += count
        self._total += float(values.sum())
