"""A real engine whose runs can be made to wait, and which remembers them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from lightship.engines.base import Arrays, Engine


class GatedEngine:
    """Each run waits for `gate`, which is open at first. `runs` has the inputs of each run that has begun."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.gate, self.begun = engine, threading.Event(), threading.Semaphore(0)
        self.runs: list[Arrays] = []
        self.gate.set()

    @property
    def sizes(self) -> list[int]:
        """The number of rows of each run."""
        return [len(next(iter(inputs.values()))) for inputs in self.runs]

    def run(self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None) -> dict[str, Any]:
        self.runs.append(inputs)
        self.begun.release()
        assert self.gate.wait(60)
        return self.engine.run(signature, inputs, outputs)

    def wait_begun(self) -> None:
        assert self.begun.acquire(timeout=60)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)
