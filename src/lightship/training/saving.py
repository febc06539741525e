"""Saves a trained model: as a version for a server, or in the older layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lightship.bundle.labels import Classes, read_classes
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.packaging.exporting import export_with_extras
from lightship.packaging.golden_sample import GoldenImages
from lightship.packaging.progress import ProgressOption, shown_progress
from lightship.packaging.quiet_tensorflow import quiet_tensorflow

if TYPE_CHECKING:
    from lightship.packaging.explain_signatures import Explanations

LAYOUTS = ("bundle", "classic")


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """How a model is saved: the arguments of `TransferModel.save`."""

    version: int | None
    layout: str
    explain: str | Literal[False] | None
    overwrite: bool
    keep_keras: bool
    progress: ProgressOption


def save_bundle(
    model: Any,
    folder: Path,
    classes: Classes | None,
    image: ImageSpec | Mapping[str, Any] | Literal[False] | None,
    golden: GoldenImages | None,
    options: SaveOptions,
    depth: int,
) -> Path:
    """Writes a version and returns its path. The arguments are those of `export`."""

    def write_extras(extras: Path, explanations: Explanations | None) -> None:
        from lightship.training.keras_file import write_keras_file

        write_keras_file(model, extras)

    return export_with_extras(
        model,
        folder,
        classes=classes,
        image=image,
        version=options.version,
        golden=golden,
        explain=options.explain,
        overwrite=options.overwrite,
        progress=options.progress,
        extras=write_extras if options.keep_keras else None,
        depth=depth + 1,
    )


def save_classic(
    model: Any, folder: Path, classes: Classes | None, image: ImageSpec | None, options: SaveOptions
) -> Path:
    """Writes `model/` and `classes.pickle` into a new folder and returns the folder."""
    if options.version is not None or options.explain is not None or options.overwrite:
        raise InvalidArgument("version, explain and overwrite are for layout='bundle': leave them out")
    if classes is None:
        raise FailedPrecondition("layout='classic' needs classes: give TransferModel the class names")
    labels = read_classes(classes)
    with shown_progress(options.progress) as report, quiet_tensorflow(report):
        from lightship.training.classic import write_classic

        return write_classic(model, folder, labels, image, options.keep_keras, report)
