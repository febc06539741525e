"""Ctrl-C while a model trains: the first one asks to stop early, a second one ends the process at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """Handles SIGINT while a `with` block runs, if it is entered in the main thread.

    Python runs its handlers in the main thread when that is between two instructions, and a step of TensorFlow may take
    many seconds. So Python writes each signal into a pipe, which a thread reads, and the user gets an answer at once.
    """

    def __init__(self, on_first: Callable[[], None], before_exit: Callable[[], None]) -> None:
        """on_first: is called in a thread after the first signal. before_exit: after the second, before the exit."""
        self._on_first, self._before_exit = on_first, before_exit
        self._replaced: Any = None
        self._replaced_fd = self._writer = -1
        self.requested = False  # whether there was a signal

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python lets no other thread handle signals
        reader, self._writer = os.pipe()
        if sys.platform != "win32":  # Python asks for that on Unix only
            os.set_blocking(self._writer, False)
        self._replaced_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._replaced = signal.signal(signal.SIGINT, _ignore)
        threading.Thread(target=self._read, args=(reader,), name="lightship-interrupts", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer < 0:
            return
        signal.signal(signal.SIGINT, self._replaced)
        signal.set_wakeup_fd(self._replaced_fd)
        os.close(self._writer)
        self._writer = -1

    def _read(self, reader: int) -> None:
        with open(reader, "rb", buffering=0) as numbers:
            while read := numbers.read(64):
                for number in read:
                    if number == signal.SIGINT:
                        self._take()

    def _take(self) -> None:
        if self.requested:
            with suppress(Exception):
                self._before_exit()
            os._exit(128 + signal.SIGINT)
        self.requested = True
        with suppress(Exception):  # nobody reads the output any more; the next signal must still be taken
            self._on_first()


def _ignore(number: int, frame: FrameType | None) -> None:
    """Python writes the number into the pipe before it calls this."""
