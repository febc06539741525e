"""Predict requests of one turn of the event loop that differ in their numbers only: they are one call of many rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from lightship.services.predict import Prediction
from lightship.transports.grpc.call import Answer
from lightship.transports.grpc.predict import PreparedPredict
from lightship.transports.metrics.own.stages import Stages

logger = logging.getLogger(__name__)


class ReadTogether:
    """Requests that were read and checked as one, and perhaps are run in this turn.

    `prediction` is to be run before `finish` is called. `count` counts the answers. `model` is the name in the
    requests, and `version` the one that answers.
    """

    __slots__ = ("_begun", "_count", "_made", "_prepared", "model", "prediction", "version")

    def __init__(self, prepared: PreparedPredict, model: str, begun: float, count: Callable[[Stages], None]) -> None:
        """begun: when reading them began. `count` takes the stages of each."""
        self._prepared, self.model, self._begun, self._count = prepared, model, begun, count
        self._made = time.perf_counter()
        self.version = prepared.version
        self.prediction: Prediction = prepared.prediction

    def finish(self) -> list[Answer] | None:
        """Returns the answer to each request. None: they were not run together, and each is to be read by itself."""
        writing = time.perf_counter()
        try:
            bodies = self._prepared.responses(self.prediction.calls)
        except Exception:  # each of them gets the error that is its own
            logger.debug("the answers of calls that were joined could not be written", exc_info=True)
            return None
        finally:
            self.prediction.memory.release()
        if bodies is None:
            return None
        made, run = self._made, self.prediction.seconds
        self._count((writing - made - run, made - self._begun, run, time.perf_counter() - writing))
        return [Answer(body) for body in bodies]
