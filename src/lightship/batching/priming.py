"""Runs batches of new sizes on a thread, so that the event loop learns how long they take."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from lightship.batching.base import EngineCall
from lightship.batching.batch import join
from lightship.engines.base import Arrays, Engine
from lightship.errors import LightshipError

_AGAIN = 1.0  # seconds before the same size is run again: the last time it may have failed or been slow by chance


class Priming:
    """An event loop may only make runs that are known to be short. This makes the first run of each size."""

    def __init__(self, engine: Engine, signature: str) -> None:
        self._engine, self._signature = engine, signature
        self._last: dict[int, float] = {}
        self._thread: threading.Thread | None = None

    def prime(self, calls: Sequence[EngineCall], size: int) -> None:
        """Runs such a batch, with a copy of the calls' inputs, unless that happened just now. Does not wait."""
        now = time.monotonic()
        if now - self._last.get(size, -_AGAIN) < _AGAIN or (self._thread is not None and self._thread.is_alive()):
            return
        self._last[size] = now
        arguments = (join(calls, size), calls[0].outputs)
        self._thread = threading.Thread(target=self._run, args=arguments, name="prime-batch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for a run that goes on: the engine must not be closed before."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, inputs: Arrays, outputs: Sequence[str] | None) -> None:
        try:
            self._engine.run_joined(self._signature, inputs, outputs)
        except LightshipError:  # the calls themselves get their errors
            return
