"""A histogram, by default with the buckets of TensorFlow Serving's latency metrics."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from lightship.transports.metrics.text import histogram_samples

LATENCY_LIMITS = tuple(10 * 1.8**power for power in range(33))  # microseconds


class Histogram:
    """Counts values. A value is counted in the first bucket with a limit above the value, or else in the last one.

    `limits` are those of the buckets, in ascending order, except for the last bucket, which has none.
    """

    __slots__ = ("_limits", "buckets", "total")

    def __init__(self, limits: Sequence[float] = LATENCY_LIMITS) -> None:
        self._limits = limits
        self.buckets = [0] * (len(limits) + 1)
        self.total = 0.0

    def add(self, value: float, times: int = 1) -> None:
        self.buckets[bisect_right(self._limits, value)] += times
        self.total += times * value

    def samples(self, name: str, labels: Mapping[str, str]) -> list[str]:
        """Returns the histogram's lines of a metrics page."""
        return histogram_samples(name, labels, [f"{limit:g}" for limit in self._limits], self.buckets, self.total)
