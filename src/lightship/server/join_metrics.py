"""Counts what was joined: runs of the engine that answered several calls."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field

from lightship.transports.metrics.own.families import own_counter, own_histogram
from lightship.transports.metrics.text import Family

_MAX_MODELS = 1000  # of which figures are kept; the oldest are removed first
_LIMITS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(slots=True)
class _Model:
    """The figures of one model."""

    calls: int = 0
    rows: int = 0
    # Runs by their numbers of rows; the last bucket has no limit.
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))


class JoinMetrics:
    """Counts joint runs by the name of the model. Any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, _Model] = {}

    def joined(self, model: str, calls: int, rows: int) -> None:
        """Counts one run that answered so many calls with so many rows together."""
        with self._lock:
            one = self._models.get(model)
            if one is None:
                if len(self._models) >= _MAX_MODELS:
                    del self._models[next(iter(self._models))]
                one = self._models[model] = _Model()
            one.calls += calls
            one.rows += rows
            one.buckets[bisect_left(_LIMITS, rows)] += 1

    def families(self) -> list[Family]:
        with self._lock:
            models = sorted(self._models.items())
            runs = [({"model": name}, sum(one.buckets)) for name, one in models]
            calls = [({"model": name}, one.calls) for name, one in models]
            rows = [({"model": name}, list(one.buckets), float(one.rows)) for name, one in models]
        return [
            own_counter("lightship_joined_runs_total", "Runs of the engine that answered several calls.", runs),
            own_counter("lightship_joined_calls_total", "The calls that these runs answered.", calls),
            own_histogram("lightship_joined_rows", "The rows of each of these runs.", _LIMITS, rows),
        ]
