"""Notes the engine's runs on the event loop, and counts many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightship.batching import RanAtOnce
from lightship.server.call_metrics import CallMetrics, ModelCalls
from lightship.server.join_metrics import JoinMetrics
from lightship.server.tensorflow_metrics import TensorFlowMetrics
from lightship.transports.metrics.notes import Notes


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """Where the runs of a model are counted."""

    name: str
    calls: ModelCalls


# The model that has run, the seconds that it took, how many Predict calls that has answered, and of how many rows.
_Note = tuple[_Model, float, int, int]


class RunMetrics:
    """Any thread may call its methods."""

    def __init__(self, tensorflow: TensorFlowMetrics, calls: CallMetrics, joins: JoinMetrics) -> None:
        self._tensorflow, self._calls, self._joins = tensorflow, calls, joins
        self._notes: Notes[_Note] = Notes(self._count)

    def of(self, model: str) -> RanAtOnce:
        """Returns what notes the runs of a model."""
        noted, add = _Model(model, self._calls.of(model)), self._notes.add

        def note(seconds: float, calls: int, rows: int) -> None:
            add((noted, seconds, calls, rows))

        return note

    def count(self) -> None:
        """Counts what was noted."""
        self._notes.count()

    def _count(self, notes: Sequence[_Note]) -> None:
        models, seconds, calls, rows = zip(*notes, strict=True)
        microseconds, answered = np.fromiter(seconds, float, len(notes)) * 1_000_000, np.array(calls)
        self._tensorflow.ran_all(microseconds)
        if models.count(models[0]) == len(notes):  # as nearly always
            models[0].calls.predicted(microseconds.repeat(answered))
        else:
            for model in set(models):
                those = [one is model for one in models]
                model.calls.predicted(microseconds[those].repeat(answered[those]))
        if max(calls) > 1:
            for model, number, several in zip(models, calls, rows, strict=True):
                if number > 1:
                    self._joins.joined(model.name, number, several)
