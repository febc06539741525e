"""A pool of helper processes. There are few; each is reused, and idle ones are stopped after a while."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from lightship.engines.trial.process import HelperProcess
from lightship.engines.trial.work import Work
from lightship.pauses import LOADS
from lightship.threads import start_timer

MAX_HELPERS = 2
IDLE_SECONDS = 20.0
# A helper that has worked for so long on one request may hang. Importing TensorFlow takes half of it. At most so many
# further helpers are lent meanwhile.
SLOW_SECONDS = 10.0
MAX_FURTHER = 4
# The least time between two looks at helpers that work.
_LOOK_SECONDS = 0.05
# A helper that uses more memory than this after a request is stopped instead of reused.
_MAX_IDLE_BYTES = 1 << 30


class _Loan:
    """The use of a helper for one request."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._helper: HelperProcess | None = None
        self._waited = 0.0

    def begins(self, helper: HelperProcess) -> None:
        self._waited, self._helper = helper.waited(), helper

    def seconds(self) -> float:
        """Returns for how long the helper has worked.

        Time in which it waited for a processor does not count: on a busy machine many helpers would seem to hang, and
        further ones would make it busier.
        """
        waited = self._helper.waited() - self._waited if self._helper is not None else 0.0
        return time.monotonic() - self._began - waited


class Helpers:
    """Lends helper processes, each to one user at a time."""

    def __init__(
        self, most: int = MAX_HELPERS, idle_seconds: float = IDLE_SECONDS, slow_seconds: float = SLOW_SECONDS
    ) -> None:
        self._most, self._idle_seconds, self._slow_seconds = most, idle_seconds, slow_seconds
        self._changed = threading.Condition()
        self._idle: list[HelperProcess] = []
        self._lent: list[_Loan] = []
        self._timer: threading.Timer | None = None

    @contextmanager
    def helper(self, work: Work, *, fresh: bool = False) -> Iterator[HelperProcess]:
        """Lends a helper that does this work. Blocks while `most` helpers are in use, not counting slow ones.

        A new helper is started if none is idle or if `fresh` is set. If the block raises, the helper is stopped instead
        of reused.
        """
        with self._changed:
            loan = self._wait_for_turn()
            # An idle helper may have been killed; it must not fail the next request.
            gone = [one for one in self._idle if not one.alive]
            self._idle = [one for one in self._idle if one not in gone]
            # The last that was given back may have the version and TensorFlow in its memory.
            found = next((one for one in reversed(self._idle) if one.work == work and not fresh), None)
            if found is not None:
                self._idle.remove(found)
            elif self._idle and len(self._lent) + len(self._idle) > self._most:
                gone.append(self._idle.pop(0))
        for one in gone:
            one.stop()
        try:
            with nullcontext() if work.pauses_for_loads else LOADS:
                helper = found or HelperProcess(work)
                loan.begins(helper)
                try:
                    yield helper
                except BaseException:
                    helper.stop()
                    raise
            self._give_back(helper)
        finally:
            with self._changed:
                self._lent.remove(loan)
                self._changed.notify()

    def _wait_for_turn(self) -> _Loan:
        """Waits until a helper may be lent."""
        while True:
            left = [self._slow_seconds - loan.seconds() for loan in self._lent]
            quick = [seconds for seconds in left if seconds > 0]
            if len(quick) < self._most and len(self._lent) < self._most + MAX_FURTHER:
                self._lent.append(_Loan())
                return self._lent[-1]
            # The first may become slow before any is given back.
            self._changed.wait(max(min(quick), _LOOK_SECONDS) if quick else None)

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
