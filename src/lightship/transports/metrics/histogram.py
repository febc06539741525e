"""How long things took, in the buckets of TensorFlow Serving's latencies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightship.transports.metrics.text import histogram_samples

_LIMITS = [10 * 1.8**power for power in range(33)]  # microseconds
_LIMIT_TEXTS = [f"{limit:g}" for limit in _LIMITS]


@dataclass(slots=True)
class Histogram:
    """Of microseconds. A value falls into the first bucket whose limit is above it."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect_right(_LIMITS, value)] += 1
        self.total += value

    def samples(self, name: str, labels: Mapping[str, str]) -> list[str]:
        """The lines of a page."""
        return histogram_samples(name, labels, _LIMIT_TEXTS, self.buckets, self.total)
