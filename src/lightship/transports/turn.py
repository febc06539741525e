"""One turn of the event loop: what has arrived over REST and gRPC is read, then run, then answered, all together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from lightship.services import Prediction, run_together
from lightship.transports.access_log.access_log import AccessLog

logger = logging.getLogger(__name__)

FEWEST_ALIKE = 3  # trying to read fewer requests as one costs about as much as it saves
MAX_TOGETHER = 32  # the most requests of a transport that are answered before the first answer is written
LOOKING_SECONDS = 0.001  # after which a turn begins, even if another look at the sockets would find more requests


class Stage(Protocol):
    """A transport with requests that have arrived."""

    def unread(self) -> int:
        """Returns how many requests have arrived and are not read yet."""

    def read(self) -> None:
        """Reads them. Answers those that need no run of a model, and adds the predictions of the others."""

    def write(self) -> None:
        """Writes the answers."""


class Turn:
    """Must be used on the event loop only.

    First all requests are read, then the predictions that are short are run, those that can be joined in one run, then
    all answers are written. Because of the processor's caches, this is nearly twice as fast as handling one request
    after another even where nothing is joined.

    When a few requests have come, the sockets are looked at again before the turn begins, as long as that finds more:
    on a busy server, some have come since the last look. The event loop never sleeps meanwhile, so no request waits for
    another one that has not come.
    """

    def __init__(self, looking_seconds: float = LOOKING_SECONDS) -> None:
        """looking_seconds: a turn begins after so long, even if another look would find more."""
        self._looking_seconds = looking_seconds
        self._stages: list[Stage] = []
        # While the sockets are looked at again: the number of requests at the last look, and when to stop looking.
        self._found = 0
        self._until = 0.0
        self._predictions: list[Prediction] = []
        self._before_run: list[Callable[[], None]] = []
        # How long the runs of the last turn took, if this is measured; see `TimedTurn`.
        self.seconds = 0.0

    def join(self, stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
        """Lets a transport take part in the next turn. It must not take part twice."""
        if not self._stages:
            loop.call_soon(self._begin, loop)
        self._stages.append(stage)

    def add(self, prediction: Prediction) -> None:
        """Adds a prediction that is run when all requests of this turn were read."""
        self._predictions.append(prediction)

    def before_run(self, read: Callable[[], None]) -> None:
        """Lets `read` read what has come in this turn when all of it is known. It may add predictions."""
        self._before_run.append(read)

    def run(self) -> None:
        """Reads what is read when all of it is known, and runs the predictions that were added."""
        reading, self._before_run = self._before_run, []
        for read in reading:
            _guarded(read)
        self.run_further()

    def run_further(self) -> None:
        """Runs the predictions that were added since `run`."""
        predictions = self._predictions
        if predictions:
            self._predictions = []
            run_together(predictions)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Takes the turn, or first lets the event loop look at the sockets again, in case that more have come."""
        unread = sum([stage.unread() for stage in self._stages])
        if self._found < unread < MAX_TOGETHER and unread >= FEWEST_ALIKE:
            now = time.monotonic()
            if not self._found:
                self._until = now + self._looking_seconds
            if now < self._until:
                self._found = unread
                loop.call_soon(self._begin, loop)  # the loop looks at the sockets in between
                return
        self._found = 0
        self._take()

    def _take(self) -> None:
        stages, self._stages = self._stages, []
        for stage in stages:
            _guarded(stage.read)
        _guarded(self.run)
        for stage in stages:
            _guarded(stage.write)


class TimedTurn(Turn):
    """Measures each turn, for the access log.

    `arrived` is when the event loop found the first request of this turn. All others of it were there then, or came
    while the sockets were looked at again.
    """

    def __init__(self, log: AccessLog) -> None:
        super().__init__()
        self.log = log
        self.arrived = self._next_arrived = 0.0

    def join(self, stage: Stage, loop: asyncio.AbstractEventLoop) -> None:
        if not self._stages:
            self._next_arrived = time.monotonic()
            loop.call_soon(self._begin, loop)
        self._stages.append(stage)

    def run_further(self) -> None:
        if self._predictions:
            begun = time.monotonic()
            Turn.run_further(self)  # faster than `super()`
            self.seconds += time.monotonic() - begun

    def _take(self) -> None:
        self.seconds, self.arrived = 0.0, self._next_arrived
        Turn._take(self)
        if self.log.joined:
            _guarded(self.log.end_turn)
        if self._stages:  # requests are left for the next turn, which begins when the sockets have been looked at
            self._next_arrived = time.monotonic()


def _guarded(action: Callable[[], None]) -> None:
    """An error of one transport must not cost the others their answers."""
    try:
        action()
    except Exception:
        logger.exception("a part of a turn of the event loop failed")
