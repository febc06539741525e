"""A pool of helper processes. There are few; each is reused, and idle ones are stopped after a while."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lightship.engines.trial.process import HelperProcess
from lightship.engines.trial.work import Work
from lightship.threads import start_timer

MAX_HELPERS = 2
IDLE_SECONDS = 20.0
# A helper that has worked for so long on one request may hang. At most so many further ones are lent meanwhile.
SLOW_SECONDS = 5.0
MAX_FURTHER = 4
# A helper that uses more memory than this after a request is stopped instead of reused.
_MAX_IDLE_BYTES = 1 << 30


class Helpers:
    """Lends helper processes, each to one user at a time."""

    def __init__(
        self, most: int = MAX_HELPERS, idle_seconds: float = IDLE_SECONDS, slow_seconds: float = SLOW_SECONDS
    ) -> None:
        self._most, self._idle_seconds, self._slow_seconds = most, idle_seconds, slow_seconds
        self._changed = threading.Condition()
        self._idle: list[HelperProcess] = []
        # When each helper that is in use was lent, by `time.monotonic`.
        self._lent: list[float] = []
        self._timer: threading.Timer | None = None

    @contextmanager
    def helper(self, work: Work, *, fresh: bool = False) -> Iterator[HelperProcess]:
        """Lends a helper that does this work. Blocks while `most` helpers are in use, not counting slow ones.

        A new helper is started if none is idle or if `fresh` is set. If the block raises, the helper is stopped instead
        of reused.
        """
        with self._changed:
            lent = self._wait_for_turn()
            # An idle helper may have been killed; it must not fail the next request.
            gone = [one for one in self._idle if not one.alive]
            self._idle = [one for one in self._idle if one not in gone]
            found = next((one for one in self._idle if one.work == work and not fresh), None)
            if found is not None:
                self._idle.remove(found)
            elif self._idle and len(self._lent) + len(self._idle) > self._most:
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
                self._lent.remove(lent)
                self._changed.notify()

    def _wait_for_turn(self) -> float:
        """Waits until a helper may be lent. Returns when that was."""
        while True:
            now = time.monotonic()
            quick = [lent for lent in self._lent if now - lent < self._slow_seconds]
            if len(quick) < self._most and len(self._lent) < self._most + MAX_FURTHER:
                self._lent.append(now)
                return now
            # The oldest may become slow before any is given back.
            self._changed.wait(min(quick) + self._slow_seconds - now if quick else None)

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
            if self._timer is not None:
                self._timer.cancel()
            self._timer = start_timer(self._idle_seconds, self.stop_idle)
            if self._timer is not None:
                self._idle.append(helper)
                return
        helper.stop()  # nothing would stop it later


HELPERS = Helpers()
# One helper measures what runs cost. It is not reused for anything else, because it has the lowest priority.
MEASURING_HELPERS = Helpers(1, 1.0)


def stop_helpers() -> None:
    """Stops the helpers that are not in use. This happens at the end of the process, if Python ends it."""
    HELPERS.stop_idle()
    MEASURING_HELPERS.stop_idle()


atexit.register(stop_helpers)
