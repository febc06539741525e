"""Which batches an event loop may run: those that cost little, and were run once on a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from lightship.batching.base import EngineCall
from lightship.batching.batch import join
from lightship.engines.base import SHORT_SECONDS, Arrays, Engine
from lightship.errors import LightshipError
from lightship.threads import start_thread

_AGAIN = 1.0  # seconds before a size is run on a thread again
_MAX_SLOW = 0.03  # seconds that runs may take one after the other of which none is short


class Priming:
    """Has a thread make the first run of a size, which takes longer because it prepares the engine for that size.

    `known`, `clock`, `note` and `forget` may be called on the event loop only.
    """

    # By which the next run is to be measured. It tells processor time after a run that took long, because elapsed time
    # includes that of other processes. Otherwise it tells elapsed time, which is read without a system call.
    clock: Callable[[], float]

    def __init__(self, engine: Engine, signature: str) -> None:
        self._engine, self._signature = engine, signature
        # The sizes that were run, each with the seconds that its runs took since its last short run.
        self._slow: dict[int, float] = {}
        self._tried: dict[int, float] = {}
        self.clock = time.perf_counter
        self._idle = threading.Event()  # cleared while a thread runs a batch
        self._idle.set()

    def known(self, size: int) -> bool:
        """Returns whether the event loop may run batches of this size."""
        return size in self._slow

    def note(self, size: int, seconds: float) -> None:
        """Takes in how long a run on the event loop took, by `clock`. A single slow one says little."""
        if seconds <= SHORT_SECONDS:
            self._slow[size] = 0.0
            self.clock = time.perf_counter
            return
        if self.clock is not time.thread_time:
            self.clock = time.thread_time
            return
        slow = self._slow[size] = self._slow.get(size, 0.0) + seconds
        if slow > _MAX_SLOW:
            self.forget(size)

    def forget(self, size: int) -> None:
        """Lets a thread run this size again before the event loop does."""
        self._slow.pop(size, None)

    def prime(self, calls: Sequence[EngineCall], size: int) -> None:
        """Runs such a batch on a thread, with a copy of the calls' inputs, unless that happened just now."""
        now = time.monotonic()
        if now - self._tried.get(size, -_AGAIN) < _AGAIN or not self._idle.is_set():
            return
        self._tried[size] = now
        arguments = (size, join(calls, size), calls[0].outputs)
        self._idle.clear()
        if not start_thread(self._run, *arguments, name="prime-batch"):
            self._idle.set()

    def close(self) -> None:
        """Waits for a run that goes on: the engine must not be closed before."""
        self._idle.wait()

    def _run(self, size: int, inputs: Arrays, outputs: Sequence[str] | None) -> None:
        try:
            if self._engine.run_joined(self._signature, inputs, outputs) is not None:
                self._slow[size] = 0.0
        except LightshipError:  # the calls themselves get their errors
            return
        finally:
            self._idle.set()
