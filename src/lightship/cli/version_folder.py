"""The version that a folder on the command line means: itself, or the newest one in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightship.errors import InvalidArgument, NotFound


@dataclass(frozen=True, slots=True)
class VersionFolder:
    path: Path
    model: str
    version: int


def find_version(folder: str) -> VersionFolder:
    """For `models/dog` the highest version in it, for `models/dog/1` that one.

    Raises NotFound, and InvalidArgument with what is there instead of a version and how to mend it.
    """
    path = Path(folder)
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise NotFound(f"{folder} {what}: give a model's folder such as models/dog, or one version of it, models/dog/1")
    whole = path.resolve()
    if whole.name.isdecimal() and (path / "saved_model.pb").exists():
        return VersionFolder(path, whole.parent.name, int(whole.name))
    from lightship.bundle.versions import explain_model_folder, list_versions

    versions = list_versions(path)
    if not versions:
        raise InvalidArgument(explain_model_folder(path) or f"{folder} holds no version")
    version = max(versions)
    return VersionFolder(versions[version], whole.name, version)
