"""The queue of requests of a server with an access log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.access_log.writing import id_maker
from lightship.transports.http.answer_queue import Answering, AnswerQueue
from lightship.transports.http.request_parser import ID_HEADER
from lightship.transports.turn import TimedTurn


class LoggedAnswering(Answering):
    """A connection that is told when its request was found complete; 0.0 as long as it has not been told."""

    arrived: float


class LoggedAnswerQueue(AnswerQueue[LoggedAnswering]):
    """Tells connections the times that they need for their records, with few looks at the clock.

    Requests that are answered in one turn of the event loop count as having arrived with the first of them.

    `log` is the access log, and `id_header` returns the header with a new id.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: TimedTurn, log: AccessLog) -> None:
        super().__init__(loop, turn)
        self._timed_turn, self.log = turn, log
        self.id_header = id_maker(*ID_HEADER)
        self._mark = 0.0

    def seconds_since_mark(self) -> float:
        """Returns the seconds since the last call, or since the requests of this turn began to be read."""
        since, self._mark = self._mark, monotonic()
        return self._mark - since

    def _answer(self, group: Sequence[LoggedAnswering]) -> None:
        self._mark, arrived = monotonic(), self._timed_turn.arrived
        for connection in group:
            if not connection.arrived:
                connection.arrived = arrived
            connection.answer()
        for connection in self._waiting:  # for the next turn
            if not connection.arrived:
                connection.arrived = arrived

    def _answer_late(self) -> None:
        self._timed_turn.seconds, self._mark = 0.0, monotonic()
        for connection in self._late:
            connection.arrived = self._mark
        super()._answer_late()
        self.log.end_turn()
