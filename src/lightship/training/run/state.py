"""The state of a training between two epochs, from which a killed training is resumed with the same result."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from lightship.evaluation.report import EpochFigures
from lightship.training.run.phases import best_epoch

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What is known of an unfinished training, besides the arrays of its variables."""

    # Distinguishes this training from all others; it is in the version that it makes, too.
    run: str
    # The options that decide the result, by their names on the command line.
    settings: Mapping[str, Any]
    # A digest of the names, labels and sizes of all photos.
    photos: str
    # The versions of the packages that train.
    frameworks: Mapping[str, str]
    # The epochs that are complete.
    epochs: tuple[EpochFigures, ...] = ()
    # The files with the variables after the last epoch, and after the best one.
    last_file: str = ""
    best_file: str = ""

    @classmethod
    def new(cls, settings: Mapping[str, Any], photos: str, frameworks: Mapping[str, str]) -> TrainingState:
        """Returns the state before the first epoch."""
        return cls(secrets.token_hex(16), settings, photos, frameworks)

    def with_epoch(self, epoch: EpochFigures, file: str) -> TrainingState:
        """Returns the state after one more epoch, whose variables are in `file`."""
        epochs = (*self.epochs, epoch)
        best_file = file if best_epoch(epochs) == len(epochs) - 1 else self.best_file
        return replace(self, epochs=epochs, last_file=file, best_file=best_file)

    @property
    def files(self) -> set[str]:
        """The names of the files that this state needs."""
        return {name for name in (self.last_file, self.best_file) if name}

    def to_json(self) -> dict[str, Any]:
        """Returns the form that `from_json` reads."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {"format": FORMAT, **fields, "epochs": [asdict(one) for one in self.epochs]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> TrainingState:
        """Returns the state for the result of `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
        if fields["format"] != FORMAT:
            raise ValueError(f"its format is {fields['format']!r}, not {FORMAT}")
        named = {name: fields[name] for name in cls.__slots__}
        named["epochs"] = tuple(EpochFigures(**one) for one in named["epochs"])
        state = cls(**named)
        if any("/" in name or "\\" in name for name in state.files):
            raise ValueError(f"it names the files {sorted(state.files)}")
        return state


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns a text for each option that has another value now, such as `--epochs 10 (now 5)`."""
    names = [*before, *(name for name in now if name not in before)]
    changed = [name for name in names if _json(before.get(name)) != _json(now.get(name))]
    return [f"{name} {_shown(before.get(name))} (now {_shown(now.get(name))})" for name in changed]


def _json(value: Any) -> Any:
    """Returns a value as it is after it was written as JSON and read again."""
    return [*value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
