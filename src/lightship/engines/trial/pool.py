"""A pool of helper processes. There are few; each is reused, and idle ones are stopped after a while."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lightship.engines.trial.process import HelperProcess

MAX_HELPERS = 2
IDLE_SECONDS = 20.0
# A helper that uses more memory than this after a request is stopped instead of reused.
_MAX_IDLE_BYTES = 1 << 30


class Helpers:
    """Lends helper processes, each to one user at a time."""

    def __init__(self, most: int = MAX_HELPERS, idle_seconds: float = IDLE_SECONDS) -> None:
        self._most, self._idle_seconds = most, idle_seconds
        self._changed = threading.Condition()
        self._idle: list[HelperProcess] = []
        self._used = 0
        self._timer: threading.Timer | None = None

    @contextmanager
    def helper(self, work: str, *, fresh: bool = False) -> Iterator[HelperProcess]:
        """Lends a helper that does this work. Blocks while `most` helpers are in use.

        A new helper is started if none is idle or if `fresh` is set. If the block raises, the helper is stopped instead
        of reused.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._used < self._most)
            self._used += 1
            # An idle helper may have been killed; it must not fail the next request.
            gone = [one for one in self._idle if not one.alive]
            self._idle = [one for one in self._idle if one not in gone]
            found = next((one for one in self._idle if one.work == work and not fresh), None)
            if found is not None:
                self._idle.remove(found)
            elif self._used + len(self._idle) > self._most:
                gone.append(self._idle.pop(0))
        for one in gone:
            one.stop()
        try:
            helper = found or HelperProcess(work)
            try:
                yield helper
            except BaseException:
                helper.stop()
                raise
            self._give_back(helper)
        finally:
            with self._changed:
                self._used -= 1
                self._changed.notify()

    def stop_idle(self) -> None:
        with self._changed:
            gone, self._idle = self._idle, []
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for helper in gone:
            helper.stop()

    def _give_back(self, helper: HelperProcess) -> None:
        if helper.resident() > _MAX_IDLE_BYTES:
            helper.stop()
            return
        with self._changed:
            self._idle.append(helper)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._idle_seconds, self.stop_idle)
            self._timer.daemon = True
            self._timer.start()


HELPERS = Helpers()
atexit.register(HELPERS.stop_idle)
