"""Finds the version folder that a user means by a folder: itself, or a version in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lightship.errors import InvalidArgument, NotFound
from lightship.saved_model.versions import (
    explain_model_folder,
    explain_version_folder,
    has_model,
    list_versions,
    version_number,
)


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A version folder, with the model's name and the version number."""

    path: Path
    model: str
    version: int


def is_address(folder: str | os.PathLike[str]) -> bool:
    """Returns whether a folder is written as an address such as s3://bucket/dog. C://models is a folder of Windows."""
    return os.fspath(folder).find("://") > 1


def find_version(folder: str | os.PathLike[str], version: int | None = None) -> VersionFolder:
    """Returns the highest version for `models/dog`, or the one that `version` names; for `models/dog/1` that version.

    Raises NotFound, with an explanation of what to do, if there is no version or not this one, or if it has no
    SavedModel, and InvalidArgument for an address, and if `version` is not a whole number or contradicts a version
    folder.
    """
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise InvalidArgument(f"version is {version!r}; give a whole number such as 1, or None for the newest")
    if is_address(folder):
        raise InvalidArgument(
            f"{folder} is an address, not a folder: give a model's folder on this machine, such as models/dog; "
            "lightship.Client asks a server, and lightship.serve serves a model in an object store"
        )
    path = Path(folder)
    whole = path.resolve()
    number = version_number(whole.name)
    if number is not None and has_model(path):
        if version not in (None, number):
            raise InvalidArgument(
                f"{path} is version {number} of the model {whole.parent.name}, but version {version} was asked for: "
                f"give the model's folder, {path.parent}"
            )
        return VersionFolder(path, whole.parent.name, number)
    explanation = explain_model_folder(path)
    if explanation:
        raise NotFound(explanation)
    versions = list_versions(path)
    chosen = max(versions) if version is None else version
    if chosen not in versions:
        raise NotFound(f"{path} has no version {version}: it has {', '.join(map(str, sorted(versions)))}")
    explanation = explain_version_folder(versions[chosen])
    if explanation:
        raise NotFound(explanation)
    return VersionFolder(versions[chosen], whole.name, chosen)
