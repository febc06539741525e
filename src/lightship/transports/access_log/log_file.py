"""The file of the access log, or standard output, with a thread that writes. Nobody waits for it."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lightship.errors import InvalidArgument
from lightship.transports.access_log.whole_lines import WholeLines

logger = logging.getLogger(__name__)

MAX_WAITING_BYTES = 4 << 20  # of lines that wait to be written; further ones are dropped
_CLOSE_SECONDS = 2.0  # for the last lines to be written
_LOG_SECONDS = 60.0  # between two messages about a file that cannot be written


def open_log(path: Path) -> int:
    """Opens a file for the lines of several processes. Raises InvalidArgument if that is not possible."""
    # Without O_NONBLOCK, a FIFO that nobody reads would be waited for.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        raise InvalidArgument(
            f"the access log {path} cannot be written ({error.strerror}): give the path of a file in a folder that "
            "exists, and in which this user may write"
        ) from None


class _Chunk(NamedTuple):
    """Lines that wait to be written."""

    lines: bytes
    # How many lines they are.
    number: int
    # How many lines are missing, if this is the line that says so.
    told: int = 0


class LogFile:
    """Writes whole lines, in their order, on a thread of its own.

    What the file, or the reader of a pipe, does not take is kept up to `max_waiting` bytes and then dropped; the next
    line says how many lines are missing.
    """

    def __init__(
        self,
        path: Path | None,
        dropped_line: Callable[[int], bytes],
        *,
        shared: bool = False,
        max_waiting: int = MAX_WAITING_BYTES,
    ) -> None:
        """path: the file; None for standard output. shared: other processes write into it too.

        Raises the errors of `open_log`.
        """
        self._path, self._dropped_line, self._shared, self._max_waiting = path, dropped_line, shared, max_waiting
        self._writer = WholeLines(_standard_output() if path is None else open_log(path), shared=shared)
        self._chunks: deque[_Chunk] = deque()
        self._waiting = 0  # bytes that are not written yet
        self._dropped = 0  # lines, since the last one that was taken
        self._closing = self._reopening = False
        self._logged_at = -_LOG_SECONDS
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="access-log", daemon=True)
        self._thread.start()

    def put(self, lines: bytes, number: int) -> None:
        """Takes complete lines, or drops them if too many wait. Returns at once. `number` is how many they are."""
        with self._changed:
            if self._closing or self._waiting + len(lines) > self._max_waiting:
                self._dropped += number
                return
            self._tell_dropped()
            self._add(_Chunk(lines, number))

    def reopen(self) -> None:
        """Opens the path anew before the next line is written, because the file may have been renamed."""
        with self._changed:
            self._reopening = self._path is not None
            self._changed.notify()

    def close(self) -> None:
        """Writes what waits, for at most two seconds, and ends."""
        with self._changed:
            self._tell_dropped()
            self._closing = True
            self._writer.give_up_at = time.monotonic() + _CLOSE_SECONDS
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS + 0.5)

    def _tell_dropped(self) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._add(_Chunk(self._dropped_line(dropped), 1, told=dropped))

    def _add(self, chunk: _Chunk) -> None:
        self._chunks.append(chunk)
        self._waiting += len(chunk.lines)
        self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._chunks or self._closing or self._reopening):
                    self._changed.wait()
                chunks, reopening, closing = list(self._chunks), self._reopening, self._closing
                self._chunks.clear()
                self._reopening = False
            if reopening:
                self._open_anew()
            lines = b"".join(chunk.lines for chunk in chunks)
            unwritten = self._writer.write(lines)
            if unwritten and self._writer.error is not None:
                self._report(self._writer.error)
            with self._changed:
                self._waiting -= len(lines)
                self._dropped += _missing(chunks, unwritten)
                if closing and not self._chunks:
                    break
        if self._path is not None:
            os.close(self._writer.fd)

    def _open_anew(self) -> None:
        assert self._path is not None
        try:
            opened = open_log(self._path)
        except InvalidArgument as error:
            logger.error("%s; the log goes on in the file that is open", error.message)
            return
        before, give_up_at = self._writer.fd, self._writer.give_up_at
        self._writer = WholeLines(opened, shared=self._shared)
        self._writer.give_up_at = give_up_at
        os.close(before)

    def _report(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._logged_at >= _LOG_SECONDS:
            self._logged_at = now
            where = "standard output" if self._path is None else self._path
            logger.error("lines of the access log are dropped: %s cannot be written: %s", where, error.strerror)


def _missing(chunks: Sequence[_Chunk], unwritten: int) -> int:
    """Returns how many lines of requests are missing if the last `unwritten` lines were not written.

    A line that says how many are missing is not one of them, but those that it would have told of are.
    """
    missing = 0
    for chunk in reversed(chunks):
        if unwritten <= 0:
            break
        missing += chunk.told or min(chunk.number, unwritten)
        unwritten -= chunk.number
    return missing


def _standard_output() -> int:
    """Returns the descriptor of standard output, or that of nothing if this process has none."""
    try:
        assert sys.__stdout__ is not None
        return sys.__stdout__.fileno()
    except (AssertionError, OSError, ValueError):
        return os.open(os.devnull, os.O_WRONLY)
