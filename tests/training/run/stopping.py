"""Trainings that end at a step, and what is kept of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.training.run.options import TrainOptions
from lightship.training.run.progress import TrainingProgress
from lightship.training.run.run_folder import RunFolder
from lightship.training.run.state import TrainingState
from lightship.training.run.train import train


class Stop(Exception):
    """Ends a training as any error would."""


class Recording(TrainingProgress):
    """Keeps the texts of steps and notes, and ends the training at a step."""

    def __init__(self, stop: str | None = None) -> None:
        self.texts: list[str] = []
        self._stop = stop
        self._noticed = threading.Condition()

    def step(self, text: str) -> None:
        self(text)
        if self._stop is not None and self._stop in text:
            raise Stop

    def __call__(self, text: str) -> None:
        with self._noticed:
            self.texts.append(text)
            self._noticed.notify_all()

    def wait_for(self, beginning: str) -> None:
        """Waits until a thread notes a text that begins so."""
        with self._noticed:
            assert self._noticed.wait_for(lambda: self.texts[-1].startswith(beginning), 30)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in the folder of an unfinished training."""

    state: TrainingState
    arrays: dict[str, dict[str, NDArray[Any]]]
    texts: list[str]

    def same_arrays(self, other: Kept) -> bool:
        """Returns whether the arrays of both are equal to the last bit."""
        return self.arrays.keys() == other.arrays.keys() and all(
            mine.keys() == other.arrays[name].keys()
            and all(np.array_equal(mine[key], other.arrays[name][key]) for key in mine)
            for name, mine in self.arrays.items()
        )


def train_without_version(options: TrainOptions) -> Kept:
    """Trains all epochs, and stops before a version is written, which takes longer than they do."""
    progress = Recording("evaluating the best epoch")
    try:
        train(options, progress)
    except Stop:
        return kept(RunFolder(options.output / ".training"), progress.texts)
    raise AssertionError("the training did not stop")


def kept(folder: RunFolder, texts: list[str] | None = None) -> Kept:
    state = folder.read_state()
    assert state is not None
    return Kept(state, {name: folder.read_arrays(name) for name in state.files}, texts or [])
