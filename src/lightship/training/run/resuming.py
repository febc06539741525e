"""Decides whether to resume an unfinished training or to start a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lightship import __version__
from lightship.bundle.manifest import EXTRAS
from lightship.datasets import LabelledPhoto, PhotoSet
from lightship.errors import FailedPrecondition, PermissionDenied
from lightship.training.bases import KERAS_FILE
from lightship.training.run.options import TrainOptions
from lightship.training.run.progress import TrainingProgress
from lightship.training.run.run_folder import RunFolder
from lightship.training.run.state import TrainingState, differences

_PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "pillow")


def started_state(
    options: TrainOptions, folder: RunFolder, photos: PhotoSet, progress: TrainingProgress
) -> TrainingState:
    """Returns the state of the unfinished training in a folder, or that of a new one.

    Raises FailedPrecondition if the unfinished training has other options or photos, which the text names.
    """
    new = TrainingState.new(_settings(options), _digest_of(photos, options.photos), _frameworks())
    found = None if options.restart else folder.read_state()
    if found is None or not found.epochs:
        folder.clear()
        return new
    advice = "or train from the start with --restart"
    changed = differences(found.settings, new.settings)
    if changed:
        raise FailedPrecondition(
            f"{options.output} has an unfinished training with other options: {'; '.join(changed)}: give the same "
            f"options to resume it, {advice}"
        )
    if found.photos != new.photos:
        raise FailedPrecondition(
            f"{options.output} has an unfinished training on other photos than those in {options.photos}: give the "
            f"same photos to resume it, {advice}"
        )
    progress(f"resuming after epoch {len(found.epochs)} of the unfinished training in {options.output}")
    _tell_other_versions(found.frameworks, new.frameworks, progress)
    return found


def _tell_other_versions(before: Mapping[str, str], now: Mapping[str, str], progress: TrainingProgress) -> None:
    others = [f"{name} {before.get(name, 'none')}" for name in now if before.get(name) != now[name]]
    if others:
        progress(
            f"it began with {', '.join(others)}, so the result may differ a little from a training without interruption"
        )


def _settings(options: TrainOptions) -> dict[str, Any]:
    """Returns the options that decide the result, with the digests of files that they name."""
    settings = options.settings()
    for name in ("--base", "--weights"):
        path = _file_of(settings[name])
        if path is not None:
            settings[name] = f"{settings[name]} ({_digest_of_file(path)})"
    return settings


def _file_of(value: str | None) -> Path | None:
    """Returns the file that an option names, which for a version folder is its Keras model; None for a name."""
    if value is None:
        return None
    path = Path(value) / EXTRAS / KERAS_FILE if Path(value).is_dir() else Path(value)
    return path if path.is_file() else None


def _digest_of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    except OSError as error:
        raise PermissionDenied(
            f"{path} cannot be read: {error.strerror}; give a file that this user may read"
        ) from error


def _digest_of(photos: PhotoSet, source: Path) -> str:
    """Returns a digest of the places, labels and sizes of all photos. The folder of all may have moved."""
    root = source if source.is_dir() else source.parent
    digest = hashlib.sha256()
    for split, group in (("train", photos.train), ("valid", photos.valid)):
        for photo in group:
            digest.update(repr((split, photo.label, _place(photo, root), _size(photo.path))).encode())
    return digest.hexdigest()


def _place(photo: LabelledPhoto, root: Path) -> str:
    path = photo.path
    place: str = (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
    return place


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _frameworks() -> dict[str, str]:
    found = {"lightship": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
