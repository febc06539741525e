"""What each epoch of training measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan


class History(dict[str, list[float]]):
    """A list for each figure, such as "loss" and "val_loss", with a number for each epoch of all calls of `train`.

    Lists are equally long: NaN stands where an epoch has no such number, for example without validation.
    """

    @property
    def history(self) -> History:
        """This itself, as with the history that Keras returns."""
        return self

    @property
    def epoch(self) -> list[int]:
        """The epochs, counted from 0."""
        return list(range(max(map(len, self.values()), default=0)))

    def add(self, figures: Mapping[str, Sequence[float]]) -> None:
        """Appends further epochs."""
        before = len(self.epoch)
        added = max(map(len, figures.values()), default=0)
        for name in [*self, *(name for name in figures if name not in self)]:
            numbers = [float(number) for number in figures.get(name, ())]
            self.setdefault(name, [nan] * before).extend([*numbers, *[nan] * (added - len(numbers))])
