"""Finds the version folder for a folder on the command line: itself, or the newest version in it."""

from __future__ import annotations

from lightship.cli.advice import INSPECT, Wanted, check_argument
from lightship.saved_model import version_folder
from lightship.saved_model.version_folder import VersionFolder

__all__ = ["VersionFolder", "find_version"]


def find_version(folder: str, wanted: Wanted = INSPECT) -> VersionFolder:
    """Returns the highest version for `models/dog`, and the version itself for `models/dog/1`.

    wanted: what the command expects of this argument. Raises NotFound or InvalidArgument, with an explanation of what
    to do, if there is no version.
    """
    check_argument(folder, wanted)
    return version_folder.find_version(folder)
