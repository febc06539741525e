"""Notes the requests of one transport when they end, and counts many at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.notes import Notes
from lightship.transports.metrics.own.requests import TransportMetrics
from lightship.transports.metrics.own.stages import STAGES, Stages

# A request that succeeded, or several alike: the model; the API for TensorFlow Serving's metrics and the method for
# ours, each None if it is not counted there; how many they are; and the seconds and the stages that each of them took.
Note = tuple[str, str | None, str | None, int, float, Stages]


class RequestCounter:
    """Counts requests in TensorFlow Serving's metrics and in ours. Any thread may call its methods.

    A request that has succeeded is only noted at first, see `Notes`.
    """

    __slots__ = ("_metrics", "_notes", "_own_metrics")

    def __init__(self, metrics: Metrics, own_metrics: TransportMetrics) -> None:
        """own_metrics: those of the transport whose requests are counted."""
        self._metrics, self._own_metrics = metrics, own_metrics
        self._notes: Notes[Note] = Notes(self._count)
        metrics.count_first(self._notes.count)
        own_metrics.count_first(self._notes.count)

    def succeeded(
        self, model: str, api: str | None, method: str | None, seconds: float, stages: Stages, times: int = 1
    ) -> None:
        """Counts a request that was answered, or several alike. A wait of less than no time counts as none."""
        self._notes.add((model, api, method, times, seconds, stages))

    def failed(self, model: str, api: str | None, method: str | None, code: str) -> None:
        """Counts a request that was answered with an error. `model` may be any text of a client."""
        if api is not None:
            self._metrics.failed(model, code)
        if method is not None:
            self._own_metrics.failed(model, method, code)

    def _count(self, notes: Sequence[Note]) -> None:
        columns = list(zip(*notes, strict=True))
        if all(column.count(column[0]) == len(notes) for column in columns[:3]):  # as nearly always
            self._count_alike(columns)
            return
        groups: dict[tuple[str, str | None, str | None], list[Note]] = {}
        for note in notes:
            groups.setdefault(note[:3], []).append(note)
        for some in groups.values():
            self._count_alike(list(zip(*some, strict=True)))

    def _count_alike(self, columns: Sequence[tuple[Any, ...]]) -> None:
        """Counts notes of one model, API and method, which are given by their columns."""
        (model, *_), (api, *_), (method, *_), numbers, times, stages = columns
        seconds = np.fromiter(times, float, len(times))
        parts = np.fromiter(chain.from_iterable(stages), float, len(stages) * len(STAGES)).reshape(-1, len(STAGES))
        if max(numbers) > 1:
            seconds, parts = seconds.repeat(numbers), parts.repeat(numbers, axis=0)
        if api is not None:
            self._metrics.succeeded(self._own_metrics.transport, model, api, seconds)
        if method is not None:
            self._own_metrics.succeeded(model, method, np.maximum(parts, 0.0, out=parts))
