"""The version that a folder on the command line means: itself, or the newest one in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightship.errors import NotFound
from lightship.saved_model.versions import explain_model_folder, has_saved_model, list_versions, version_number


@dataclass(frozen=True, slots=True)
class VersionFolder:
    path: Path
    model: str
    version: int


def find_version(folder: str) -> VersionFolder:
    """For `models/dog` the highest version in it, for `models/dog/1` that one.

    Raises NotFound with what is there instead of a version, and what mends it.
    """
    path = Path(folder)
    whole = path.resolve()
    number = version_number(whole.name)
    if number is not None and has_saved_model(path):
        return VersionFolder(path, whole.parent.name, number)
    explanation = explain_model_folder(path)
    if explanation:
        raise NotFound(explanation)
    versions = list_versions(path)
    version = max(versions)
    return VersionFolder(versions[version], whole.name, version)
