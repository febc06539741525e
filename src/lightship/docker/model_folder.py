"""The versions of a model's folder that are to go into an image, each known to be whole."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightship.bundle.labels import read_classes
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

# All, the newest alone, those of these numbers; or the same as a text, as `parse_versions` reads it.
Versions = str | Collection[int]

# A URL holds the name, and the official image's start script splits it at blanks and expands * and ? in it.
_NAME = re.compile(r"(?!\.{1,2}$)[\w.@+=~-]{1,200}")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """digest: of its `lightship.json`, which holds those of all other files. A plain SavedModel has neither it nor
    classes."""

    number: int
    path: Path
    files: VersionFiles
    digest: str | None = None
    classes: int | None = None


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """versions: those asked for, the oldest first. left_out: what is not baked, by its path below the folder."""

    name: str
    path: Path
    versions: tuple[ModelVersion, ...]
    left_out: tuple[str, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(version.number for version in self.versions)


def read_model_folder(folder: Path, name: str | None = None, versions: Versions = "all") -> ModelFolder:
    """Finds the versions, and holds each against the digests of its manifest, if it has one.

    name: the folder's own by default. Raises NotFound where there is no such version, with what is there instead;
    FailedPrecondition for a version without a SavedModel, DataLoss for one that changed after export; InvalidArgument
    for a name that a server could not serve, and for what cannot be put into an image.
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
    """Raises InvalidArgument for a name that no URL and no start script of a server could hold."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{name!r} cannot be a model's name in an image: letters, digits and . _ - @ + = ~ can; "
            "give another one with --model-name"
        )
    return name


def parse_versions(text: str) -> Literal["all", "latest"] | tuple[int, ...]:
    """`all`, `latest`, or numbers as in `1,2`. Raises InvalidArgument."""
    if text in ("all", "latest"):
        return "all" if text == "all" else "latest"
    numbers = tuple(number for part in text.split(",") if (number := version_number(part)) is not None)
    if len(numbers) != text.count(",") + 1:
        raise InvalidArgument(f"{text!r} names no versions: give all, latest, or numbers such as 1,2")
    return numbers


def _chosen(folder: Path, versions: Versions, there: Iterable[int]) -> list[int]:
    """In order, the oldest first."""
    numbers = sorted(there)
    wanted = parse_versions(versions) if isinstance(versions, str) else versions
    if isinstance(wanted, str):
        return numbers if wanted == "all" else numbers[-1:]
    missing = sorted(set(wanted) - set(numbers))
    if missing:
        raise NotFound(f"{folder} has no version {missing[0]}: it has {', '.join(map(str, numbers))}")
    if not wanted:
        raise InvalidArgument(f"no version of {folder} is to be baked: give all, latest, or numbers such as 1,2")
    return sorted(set(wanted))


def _read_version(folder: Path, number: int, there: dict[int, Path]) -> ModelVersion:
    path = there[number]
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise list_error(path, PermissionError())
    if not has_saved_model(path):
        others = ",".join(str(other) for other in sorted(there) if has_saved_model(there[other]))
        remedy = f", or bake the others alone with --versions {others}" if others else ""
        raise FailedPrecondition(f"{path} has no {SAVED_MODEL_FILE}: finish the version or remove it{remedy}")
    try:
        manifest = Manifest.read(path)
    except NotFound:
        return ModelVersion(number, path, version_files(path, folder))
    manifest.verify(path)
    files = version_files(path, folder, (*manifest.files, MANIFEST_FILE))
    digest = hashlib.sha256((path / MANIFEST_FILE).read_bytes()).hexdigest()
    classes = len(read_classes(path / EXTRAS / manifest.labels)) if manifest.labels else None
    return ModelVersion(number, path, files, f"sha256:{digest}", classes)
