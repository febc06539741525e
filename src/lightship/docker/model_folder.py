"""Reads the versions of a model's folder for an image, and checks that they are complete."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightship.bundle.labels import read_labels
from lightship.bundle.manifest import EXTRAS, MANIFEST_FILE, Manifest
from lightship.docker.version_files import VersionFiles, version_files
from lightship.errors import FailedPrecondition, InvalidArgument, NotFound
from lightship.files import list_error
from lightship.saved_model.versions import (
    SAVED_MODEL_FILE,
    explain_model_folder,
    has_saved_model,
    list_versions,
    version_number,
)

# Version numbers, or a text for `parse_versions`, such as "all" or "latest".
Versions = str | Collection[int]

# The name is part of URLs, and the official image's start script splits it at spaces and expands * and ?.
_NAME = re.compile(r"(?!\.{1,2}$)[\w.@+=~-]{1,200}")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version folder that goes into an image."""

    number: int
    path: Path
    files: VersionFiles

    digest: str | None = None
    """The digest of its `lightship.json`, which has the digests of all other files; None for a plain SavedModel."""

    classes: int | None = None
    """The number of labels; None for a version without labels."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model's folder, and the versions that were chosen from it."""

    name: str
    """The name under which the server serves the model."""

    path: Path

    versions: tuple[ModelVersion, ...]
    """The chosen versions, the oldest first."""

    left_out: tuple[str, ...]
    """Paths, below the folder, that do not go into the image."""

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(version.number for version in self.versions)


def read_model_folder(folder: Path, name: str | None = None, versions: Versions = "all") -> ModelFolder:
    """Finds the versions and checks the files of each by the digests in its manifest, if it has one.

    name: the model's name in the server; by default the folder's name.

    Raises NotFound for a missing version (the message lists the existing versions), FailedPrecondition for a version
    without a SavedModel, DataLoss for a version whose files changed after export, and InvalidArgument for a name that a
    server could not serve and for files that cannot be put into an image.
    """
    explanation = explain_model_folder(folder)
    if explanation:
        raise NotFound(explanation)
    name = checked_name(folder.resolve().name if name is None else name)
    there = list_versions(folder)
    read = [_read_version(folder, number, there) for number in _chosen(folder, versions, there)]
    left_out = [path.name for path in sorted(folder.iterdir()) if path not in there.values()]
    left_out += [f"{version.path.name}/{one}" for version in read for one in version.files.left_out]
    return ModelFolder(name, folder, tuple(read), tuple(left_out))


def checked_name(name: str) -> str:
    """The name; raises InvalidArgument for one that does not work in URLs or in a server's start script."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{name!r} cannot be a model's name in an image: use only letters, digits and . _ - @ + = ~, or "
            "give another name with --model-name"
        )
    return name


def parse_versions(text: str) -> Literal["all", "latest"] | tuple[int, ...]:
    """Reads `all`, `latest`, or numbers such as `1,2`. Raises InvalidArgument."""
    if text in ("all", "latest"):
        return "all" if text == "all" else "latest"
    numbers = tuple(number for part in text.split(",") if (number := version_number(part)) is not None)
    if len(numbers) != text.count(",") + 1:
        raise InvalidArgument(f"{text!r} are not versions: give all, latest, or numbers such as 1,2")
    return numbers


def _chosen(folder: Path, versions: Versions, there: Iterable[int]) -> list[int]:
    """Returns the numbers of the chosen versions, the oldest first. Raises NotFound and InvalidArgument."""
    numbers = sorted(there)
    wanted = parse_versions(versions) if isinstance(versions, str) else versions
    if isinstance(wanted, str):
        return numbers if wanted == "all" else numbers[-1:]
    missing = sorted(set(wanted) - set(numbers))
    if missing:
        raise NotFound(f"{folder} has no version {missing[0]}: it has {', '.join(map(str, numbers))}")
    if not wanted:
        raise InvalidArgument(f"no version of {folder} was chosen: give all, latest, or numbers such as 1,2")
    return sorted(set(wanted))


def _read_version(folder: Path, number: int, there: dict[int, Path]) -> ModelVersion:
    path = there[number]
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise list_error(path, PermissionError())
    if not has_saved_model(path):
        others = ",".join(str(other) for other in sorted(there) if has_saved_model(there[other]))
        remedy = f", or bake only the others with --versions {others}" if others else ""
        raise FailedPrecondition(f"{path} has no {SAVED_MODEL_FILE}: finish the version or remove it{remedy}")
    try:
        manifest = Manifest.read(path)
    except NotFound:
        return ModelVersion(number, path, version_files(path, folder))
    manifest.verify(path)
    files = version_files(path, folder, (*manifest.files, MANIFEST_FILE))
    digest = hashlib.sha256((path / MANIFEST_FILE).read_bytes()).hexdigest()
    classes = len(read_labels(path / EXTRAS / manifest.labels)) if manifest.labels else None
    return ModelVersion(number, path, files, f"sha256:{digest}", classes)
