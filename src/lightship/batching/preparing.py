"""The calls for which the engine has to compile something first: a signature, or a model for further shapes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from lightship.batching.base import Done, EngineCall
from lightship.batching.streams import Streams

logger = logging.getLogger(__name__)


class Preparing:
    """Lets one such call of a signature at a time go to the engine, on the thread that brings it.

    The others wait without a thread. When it has ended, a thread of this object runs those for which everything is
    compiled by then, and then the oldest of the others. Any thread may call the methods.
    """

    def __init__(self, run: Callable[[EngineCall, Done], None], ready: Callable[[EngineCall], bool], name: str) -> None:
        """`run` runs a call, and `ready` says whether it need not wait for a compilation. It is called with a lock."""
        self._run, self._ready = run, ready
        self._streams = Streams(self._work, name)
        self._lock = threading.Lock()
        self._waiting: dict[EngineCall, Done] = {}  # the oldest first
        self._busy = False

    def submit(self, call: EngineCall, done: Done) -> None:
        """Runs a call on this thread, or lets it wait."""
        with self._lock:
            if self._busy:
                self._waiting[call] = done
                return
            self._busy = True
        try:
            self._run(call, done)
        finally:
            self._go_on()

    def withdraw(self, call: EngineCall) -> bool:
        """Removes a call that waits. Returns False if it does not wait."""
        with self._lock:
            return self._waiting.pop(call, None) is not None

    def close(self) -> None:
        self._streams.close()

    def _go_on(self) -> None:
        with self._lock:
            self._busy = bool(self._waiting)
            if not self._busy:
                return
        if not self._streams.wake():  # the system allows no further thread now
            self._work()

    def _work(self) -> None:
        """Runs calls until none waits."""
        while calls := self._next():
            for call in calls:
                with self._lock:
                    done = self._waiting.pop(call, None)
                if done is not None:  # otherwise it was withdrawn
                    self._run_waiting(call, done)

    def _run_waiting(self, call: EngineCall, done: Done) -> None:
        try:
            self._run(call, done)
        except Exception:  # an error of one handler must not keep the results from the others
            logger.exception("the handler of a call failed")

    def _next(self) -> list[EngineCall]:
        """Returns the calls that are ready, or else the oldest one. They can be withdrawn until they run."""
        with self._lock:
            calls = [call for call in self._waiting if self._ready(call)] or list(self._waiting)[:1]
            self._busy = bool(calls)
            return calls
