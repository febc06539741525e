"""Carries out one case on a socket and judges what comes back."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time

from fuzz.answers import Answer, Wrong, check_answer, read_answers
from fuzz.case import Case, Ending

DEADLINE = 60.0  # seconds for all answers of a case; the machine may be busy
PATIENCE = 75.0 + DEADLINE  # seconds until a client that stalls is cut off
_RESET = struct.pack("ii", 1, 0)


class Client:
    """Keeps its connection from one case that waits for its answers to the next."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: socket.socket | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def run(self, case: Case) -> None:
        """Raises Wrong for whatever the server should not have done, OSError if it does not accept a connection."""
        kept, self._kept = self._kept, None
        keep = case.ending is Ending.WAIT
        connection = kept if keep and kept is not None else self._connected()
        if kept is not None and connection is not kept:
            kept.close()
        try:
            answers = _Conversation(connection, case).answers()
        except BaseException:
            connection.close()
            raise
        if keep and answers and not answers[-1].closes:
            self._kept = connection
        else:
            connection.close()

    def _connected(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        return connection


class _Conversation:
    def __init__(self, connection: socket.socket, case: Case) -> None:
        self._connection, self._case = connection, case
        self._received = bytearray()
        self._closed = self._reset = False
        self._headless = b"HEAD " in case.bytes

    def answers(self) -> list[Answer]:
        """All that came. Raises Wrong."""
        case = self._case
        seconds = PATIENCE if case.ending is Ending.STALL else DEADLINE
        end = time.monotonic() + seconds
        self._send(end)
        if case.ending is Ending.HANG_UP:
            if len(case.bytes) % 2:
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return []
        if case.ending is Ending.HALF_CLOSE:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)
        self._read()
        while not self._is_over():
            if time.monotonic() > end:
                raise Wrong(f"neither answered nor closed within {seconds:g} seconds: {bytes(self._received)!r}")
            select.select([self._connection], [], [], 1.0)
            self._read()
        return self._judged()

    def _is_over(self) -> bool:
        if self._closed or self._case.ending is not Ending.WAIT:
            return self._closed
        answers, rest = self._parsed()
        return not rest and len(answers) == len(self._case.statuses or ())

    def _judged(self) -> list[Answer]:
        answers, rest = self._parsed()
        if rest and not self._reset:
            raise Wrong(f"the connection was closed within an answer: {rest[:200]!r}")
        for answer in answers:
            if not (answer.status == 504 and self._case.ending is Ending.STALL):
                check_answer(answer)
        wanted = self._case.statuses
        if wanted is not None and wanted != tuple(
            any_ and answer.status for any_, answer in zip(wanted, answers, strict=False)
        ):
            raise Wrong(f"answers that should be {wanted} are {[(a.status, a.body[:200]) for a in answers]}")
        return answers

    def _parsed(self) -> tuple[list[Answer], bytes]:
        return read_answers(bytes(self._received), headless=self._headless)

    def _send(self, end: float) -> None:
        for packet in self._case.packets:
            view = memoryview(packet)
            while view and not self._closed:
                if time.monotonic() > end:
                    raise Wrong(f"the server took none of what was sent for {DEADLINE:g} seconds")
                try:
                    view = view[self._connection.send(view) :]
                except BlockingIOError:
                    self._read()
                    select.select([self._connection], [self._connection], [], 1.0)
                except OSError:  # the server has closed; what it said before can still be read
                    self._read()
                    self._closed = self._reset = True
            self._read()

    def _read(self) -> None:
        while not self._closed:
            try:
                data = self._connection.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                self._closed = self._reset = True
                return
            self._received += data
            self._closed = not data
