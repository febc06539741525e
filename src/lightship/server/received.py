"""The signals that a serving process receives."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from lightship.signals import HANGUP, STOP_SIGNALS, take_hangup

_HANDLED = (*STOP_SIGNALS, *([HANGUP] if HANGUP is not None else []))


# A signal that follows so soon is the first one once more: `timeout` sends it to its command and then to its process
# group, and a command that was started by another one gets Ctrl-C from the terminal and from that.
_SAME_SECONDS = 0.3


class ReceivedSignals:
    """SIGTERM, SIGINT and SIGHUP, in their order. A second SIGTERM or SIGINT ends the process at once, with 143 or 130.

    It is a second one only if it comes at least 0.3 seconds after the first.

    Python runs its handlers in the main thread when that is between two instructions. A main thread that waits for a
    lock may never get there: a signal that comes just before the wait, or to another thread, does not end it. So Python
    writes the number of each signal into a pipe, which a thread reads.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._received: SimpleQueue[int] = SimpleQueue()
        self._replaced: dict[int, Any] = {}
        self._replaced_fd = self._writer = -1
        self.stopping = False  # whether SIGTERM or SIGINT was received
        self._stopped_at = 0.0

    def handle(self) -> bool:
        """Handles signals from now on. Must be called in the main thread. Returns False if it did already."""
        if self._replaced:
            return False
        reader, self._writer = os.pipe()
        if sys.platform != "win32":  # Python asks for that on Unix only
            os.set_blocking(self._writer, False)
        self._replaced_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._replaced = {number: signal.signal(number, _ignore) for number in _HANDLED}
        if HANGUP is not None and take_hangup():
            self._received.put(HANGUP)
        threading.Thread(target=self._read, args=(reader,), name="lightship-signals", daemon=True).start()
        return True

    def restore(self) -> None:
        """Restores what `handle` replaced."""
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._replaced_fd)
        os.close(self._writer)
        self._replaced = {}

    def next(self, timeout: float | None) -> int | None:
        """Waits for the next signal and returns it, or None after `timeout` seconds. None waits without a limit."""
        try:
            return self._received.get(timeout=timeout)
        except Empty:
            return None

    def _read(self, reader: int) -> None:
        with open(reader, "rb", buffering=0) as numbers:
            while read := numbers.read(64):
                for number in read:
                    self._take(number)

    def _take(self, number: int) -> None:
        if number in STOP_SIGNALS:
            if self.stopping:
                if self._now() - self._stopped_at < _SAME_SECONDS:
                    return
                os._exit(128 + number)
            self.stopping, self._stopped_at = True, self._now()
        if number in _HANDLED:
            self._received.put(number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Python writes the number into the pipe before it calls this."""
