"""Finds the version folder for a folder on the command line: itself, or the newest version in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightship.cli.advice import INSPECT, Wanted, check_argument
from lightship.errors import NotFound
from lightship.saved_model.versions import explain_model_folder, has_saved_model, list_versions, version_number


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A version folder, with the model's name and the version number."""

    path: Path
    model: str
    version: int


def find_version(folder: str, wanted: Wanted = INSPECT) -> VersionFolder:
    """Returns the highest version for `models/dog`, and the version itself for `models/dog/1`.

    wanted: what the command expects of this argument. Raises NotFound or InvalidArgument, with an explanation of what
    to do, if there is no version.
    """
    check_argument(folder, wanted)
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
