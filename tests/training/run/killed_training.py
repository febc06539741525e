"""A training in a process of its own that kills itself, as the system does with a process that uses too much memory.

    python -m tests.training.run.killed_training OUTPUT PHOTOS BASE STEP BATCH [SIGNALS]

It gets the signals, by default SIGKILL, in the step whose text contains STEP, after that many batches; the name of a
step that has no batches goes with 0.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from tests.training.run.examples import options

from lightship.training.run.progress import TrainingProgress
from lightship.training.run.train import train


class Killing(TrainingProgress):
    """Sends signals to its own process at a place in the training."""

    def __init__(self, step: str, batch: int, signals: list[int]) -> None:
        self._step, self._batch, self._signals = step, batch, signals
        self._current = ""
        self._noticed = threading.Event()

    def step(self, text: str) -> None:
        self._current = text
        if self._batch == 0 and self._step in text:
            self._send()

    def batch(self, done: int, batches: int, text: str) -> None:
        if self._batch and done == self._batch and self._step in self._current:
            self._send()

    def __call__(self, text: str) -> None:
        super().__call__(text)
        self._noticed.set()

    def _send(self) -> None:
        while self._signals:
            self._noticed.clear()
            os.kill(os.getpid(), self._signals.pop(0))
            self._noticed.wait(30)  # the thread that takes it says something


def main(output: str, photos: str, base: str, step: str, batch: str, signals: str = "SIGKILL") -> None:
    numbers = [int(signal.Signals[name]) for name in signals.split(",")]
    run = train(options(Path(photos), Path(base), Path(output)), Killing(step, int(batch), numbers))
    print(run.version)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(*sys.argv[1:])
