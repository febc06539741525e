"""The result of a training, and how it is stored in the version."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lightship.bundle.manifest import EXTRAS
from lightship.datasets import PhotoSet
from lightship.evaluation.report import EpochFigures

REPORT_FILE = "report.html"
# Beside `lightship.json`: the command, the options and the epochs of the training that made a version.
TRAINING_FILE = "training.json"
_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a training went."""

    # The epochs, and the index of the one whose weights were exported.
    epochs: tuple[EpochFigures, ...]
    best_epoch: int
    # Of that epoch, on the validation photos.
    accuracy: float
    macro_f1: float
    # Whether Ctrl-C ended it early, and whether a part was trained by an earlier process.
    interrupted: bool
    resumed: bool

    def to_json(self) -> dict[str, Any]:
        """Returns the form that `from_json` reads."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {**fields, "epochs": [_with_nulls(asdict(one)) for one in self.epochs]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> TrainingResult:
        """Returns the result for what `to_json` returned. Raises KeyError or TypeError for anything else."""
        named = {name: fields[name] for name in cls.__slots__}
        return cls(**{**named, "epochs": tuple(EpochFigures(**_without_nulls(one)) for one in named["epochs"])})


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A training that is complete, and the version that it wrote."""

    # The version folder, and the newest other one.
    version: Path
    previous: Path | None
    # The photos, with those that were left out.
    photos: PhotoSet
    result: TrainingResult
    # Seconds of this process.
    seconds: float

    @property
    def report(self) -> Path:
        """The path of the report."""
        return self.version / EXTRAS / REPORT_FILE

    def to_json(self) -> dict[str, Any]:
        """Returns the fields that `lightship train --json` prints."""
        result, photos = self.result, self.photos
        return {
            "path": str(self.version),
            "version": int(self.version.name),
            "previous": str(self.previous) if self.previous else None,
            "report": str(self.report),
            "classes": list(photos.classes),
            "photos": {"train": len(photos.train), "valid": len(photos.valid)},
            "unreadable": [{"path": str(one.path), "reason": one.reason} for one in photos.unreadable],
            "rare": dict(photos.rare),
            "rare_kept": photos.rare_kept,
            "epochs": len(result.epochs),
            "best_epoch": result.best_epoch + 1,
            "loss": result.epochs[result.best_epoch].valid_loss,
            "accuracy": result.accuracy,
            "macro_f1": result.macro_f1,
            "interrupted": result.interrupted,
            "resumed": result.resumed,
            "seconds": round(self.seconds, 3),
        }


def _with_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields with null for infinite losses and those that are not a number, which JSON does not have."""
    finite = {name: not isinstance(value, float) or math.isfinite(value) for name, value in fields.items()}
    return {name: value if finite[name] else None for name, value in fields.items()}


def _without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in fields.items()}


def training_text(run: str, command: str, settings: Mapping[str, Any], result: TrainingResult) -> str:
    """Returns the content of `training.json`. `run` distinguishes the training from all others."""
    fields = {"format": 1, "run": run, "command": command, "options": dict(settings), "result": result.to_json()}
    return json.dumps(fields, ensure_ascii=False, indent=1) + "\n"


def read_result(version: Path, run: str) -> TrainingResult | None:
    """Returns how the training of a version went, or None if it was not this training that wrote it."""
    try:
        with (version / EXTRAS / TRAINING_FILE).open("rb") as file:
            fields = json.loads(file.read(_MAX_BYTES))
        return TrainingResult.from_json(fields["result"]) if fields["run"] == run else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
