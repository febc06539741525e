"""The stamp of a version folder, which shows whether its files were changed while they were read."""

from __future__ import annotations

from pathlib import Path

from lightship.errors import DataLoss
from lightship.saved_model.version_files import walk

Stamp = frozenset[tuple[str, int, int]]
"""The name, size and modification time, in nanoseconds, of each file of a folder."""


def stamp_of_folder(folder: Path) -> Stamp:
    """Returns the sizes and modification times of all files of a folder, to detect changes."""
    files = (entry for entry in walk(folder) if entry.is_file)
    return frozenset((entry.name, entry.status.st_size, entry.status.st_mtime_ns) for entry in files)


def check_unchanged(folder: Path, stamp: Stamp) -> None:
    """Raises DataLoss if the files of a version folder were changed since `stamp_of_folder` returned the stamp."""
    if stamp_of_folder(folder) != stamp:
        raise DataLoss(f"the files in {folder} were changed while they were loaded; export a new version")
