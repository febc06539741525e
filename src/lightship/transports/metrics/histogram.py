"""A histogram of durations with the buckets of TensorFlow Serving's latency metrics."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightship.transports.metrics.text import histogram_samples

_LIMITS = [10 * 1.8**power for power in range(33)]  # microseconds
_LIMIT_TEXTS = [f"{limit:g}" for limit in _LIMITS]


@dataclass(slots=True)
class Histogram:
    """A histogram of durations in microseconds. A value is counted in the first bucket with a limit above the value."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect_right(_LIMITS, value)] += 1
        self.total += value

    def samples(self, name: str, labels: Mapping[str, str]) -> list[str]:
        """Returns the histogram's lines of a metrics page."""
        return histogram_samples(name, labels, _LIMIT_TEXTS, self.buckets, self.total)
