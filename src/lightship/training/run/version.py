"""Writes the version of a training: the model, a golden sample of validation photos, the report and the Keras model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightship.datasets import LabelledPhoto, PhotoSet
from lightship.errors import LightshipError
from lightship.evaluation.report import ReportContent, write_report
from lightship.files import read_bytes
from lightship.images.overlay import overlay
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.packaging.exporting import export_with_extras
from lightship.packaging.golden_sample import MAX_IMAGES
from lightship.saved_model.versions import list_versions
from lightship.training.run.learner import Learner
from lightship.training.run.options import TrainOptions
from lightship.training.run.progress import TrainingProgress
from lightship.training.run.state import TrainingState
from lightship.training.run.trained_run import (
    REPORT_FILE,
    TRAINING_FILE,
    TrainingResult,
    read_result,
    training_text,
)

if TYPE_CHECKING:
    from lightship.packaging.explain_signatures import Explanations

HeatMap = Callable[[Path, int], "bytes | None"]

_MAX_PIXELS = 1 << 17  # of a photo in the report
_QUALITY = 85


def find_published(folder: Path, run: str) -> tuple[Path, TrainingResult] | None:
    """Returns the version that a training wrote already, and how it went; None if there is none."""
    for path in list_versions(folder).values():
        result = read_result(path, run)
        if result is not None:
            return path, result
    return None


def previous_version(folder: Path, version: Path | None = None) -> Path | None:
    """Returns the newest version in a model's folder other than `version`, or None."""
    others = {number: path for number, path in list_versions(folder).items() if path != version}
    return others[max(others)] if others else None


def write_version(
    options: TrainOptions,
    learner: Learner,
    photos: PhotoSet,
    state: TrainingState,
    result: TrainingResult,
    probabilities: NDArray[np.float32],
    progress: TrainingProgress,
) -> Path:
    """Writes the next version, with its report, and returns its path.

    probabilities: of the classes for the validation photos, [n, classes]. Raises the errors of `lightship.export`.
    """
    from lightship.training.keras_file import write_keras_file

    def write_extras(folder: Path, explanations: Explanations | None) -> None:
        write_keras_file(learner.model, folder)
        text = training_text(state.run, options.command(), state.settings, result)
        # A path need not be UTF-8; JSON has the same escapes.
        (folder / TRAINING_FILE).write_text(text, encoding="utf-8", errors="backslashreplace")
        progress.step("writing the report")
        heat_map = _heat_map(explanations, learner.image) if explanations is not None else None
        content = _report(options, learner.image, photos, result, probabilities, heat_map)
        write_report(folder / REPORT_FILE, content)

    return export_with_extras(
        learner.model,
        options.output,
        classes=learner.classes,
        image=learner.image,
        version=options.version,
        golden=golden_photos(photos.valid),
        progress=progress,
        extras=write_extras,
    )


def golden_photos(photos: Sequence[LabelledPhoto], count: int = MAX_IMAGES) -> list[Path]:
    """Returns some photos, of as many classes as possible: the first of each class, then the second, and so on."""
    seen: dict[str, int] = {}
    ranked = []
    for index, photo in enumerate(photos):
        ranked.append((seen.setdefault(photo.label, 0), index))
        seen[photo.label] += 1
    return [photos[index].path for _, index in sorted(ranked)[:count]]


def _report(
    options: TrainOptions,
    image: ImageSpec,
    photos: PhotoSet,
    result: TrainingResult,
    probabilities: NDArray[np.float32],
    heat_map: HeatMap | None,
) -> ReportContent:
    return ReportContent(
        title=options.output.resolve().name,
        command=options.command(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        base=options.base,
        spec=image,
        classes=photos.classes,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        photos=photos.valid,
        probabilities=probabilities,
        counts=photos.counts(),
        unreadable=photos.unreadable,
        rare=photos.rare,
        rare_kept=photos.rare_kept,
        heat_map=heat_map,
    )


def _heat_map(explanations: Explanations, image: ImageSpec) -> HeatMap:
    """Returns a function that lays the explanation of a class over a photo, as a JPEG; None for what has none."""

    def heat_map(path: Path, class_index: int) -> bytes | None:
        try:
            data = read_bytes(path)
            batch = prepare(data, image)[np.newaxis]
            outputs = explanations.run(explanations.spec.default, batch, np.array([class_index], np.int32))
            picture = overlay(data, outputs["map"][0], spec=image, max_pixels=_MAX_PIXELS)
        except (LightshipError, OSError):
            return None
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()

    return heat_map
