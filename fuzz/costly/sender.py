"""Carries out one plan on a connection of its own, reading whatever comes meanwhile."""

from __future__ import annotations

import select
import socket
import time
from collections import Counter
from contextlib import suppress

from benchmarks.attacks.exchange import connect

from fuzz.answers import ALLOWED, Wrong, read_answers
from fuzz.costly.plans import Plan

# What a server may say to what is too much, too slow, or not for it.
STATUSES = ALLOWED | {408, 421, 503, 504}
_READ = 1 << 18


def carry_out(port: int, plan: Plan) -> Counter[int]:
    """The statuses of the answers. Raises Wrong for what is not an answer, and where neither answer nor end comes in
    time; OSError if no connection is accepted."""
    with connect(port, plan.seconds) as connection:
        connection.setblocking(False)
        conversation = _Conversation(connection, plan)
        conversation.run()
    return conversation.statuses()


class _Conversation:
    def __init__(self, connection: socket.socket, plan: Plan) -> None:
        self._connection, self._plan = connection, plan
        self._pieces = plan.pieces()
        self._unsent: memoryview | None = memoryview(next(self._pieces, b""))
        self._next_piece = 0.0
        self._received = bytearray()
        self._closed = self._reset = self._late = False

    def run(self) -> None:
        end = time.monotonic() + self._plan.seconds
        while not self._is_over():
            if (now := time.monotonic()) > end:
                self._late = True
                return
            sending = self._unsent is not None and now >= self._next_piece
            select.select([self._connection], [self._connection] if sending else [], [], 0.01 if self._unsent else 0.2)
            self._read()
            if sending and not self._closed:
                self._send(now)

    def statuses(self) -> Counter[int]:
        if self._late and self._plan.kind != "endless":
            raise Wrong(f"neither answered nor closed within {self._plan.seconds:g} seconds")
        answers, rest = read_answers(bytes(self._received))
        if rest and not self._reset and not self._late:
            raise Wrong(f"the connection was closed within an answer: {rest[:200]!r}")
        for answer in answers:
            if answer.status not in STATUSES:
                raise Wrong(f"status {answer.status}: {answer.body[:500]!r}")
        return Counter(answer.status for answer in answers)

    def _is_over(self) -> bool:
        return self._closed or bool(self._plan.answers and self._received and self._complete() >= self._plan.answers)

    def _complete(self) -> int:
        return len(read_answers(bytes(self._received))[0])

    def _send(self, now: float) -> None:
        assert self._unsent is not None
        try:
            self._unsent = self._unsent[self._connection.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # the server has closed; what it said before can still be read
            self._unsent, self._reset = None, True
            return
        if not self._unsent:
            piece = next(self._pieces, None)
            self._unsent = None if piece is None else memoryview(piece)
            self._next_piece = now + self._plan.pause
            if piece is None and self._plan.half_close:
                with suppress(OSError):
                    self._connection.shutdown(socket.SHUT_WR)

    def _read(self) -> None:
        try:
            while data := self._connection.recv(_READ):
                self._received += data
            self._closed = True
        except BlockingIOError:
            pass
        except OSError:
            self._closed = self._reset = True
