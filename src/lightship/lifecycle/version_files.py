"""What the files of a version look like at one moment, to notice that they change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lightship.bundle.manifest import MANIFEST_FILE
from lightship.saved_model.version_files import listed, walk

# The size and the modification time in nanoseconds of each file, by its path in the version folder.
Fingerprint = Mapping[str, tuple[int, int]]

# A look at a version is taken every second, so it does not go further.
MAX_ENTRIES = 10_000


class FilesSeen(NamedTuple):
    """The files of a version as a source saw them."""

    fingerprint: Fingerprint
    # Why they may not be complete yet; empty if they may be loaded.
    unsettled: str = ""
    # Whether they are in another folder than those that were loaded, which were not complete. Then they are loaded in
    # their place.
    replacing: bool = False


class Look(NamedTuple):
    """One look at a version folder."""

    fingerprint: Fingerprint
    # Everything that a change of a file or folder changes, to compare two looks.
    details: frozenset[tuple[str, int, int, int]]
    # The file or folder that changed last, and when, by the clock of the file system.
    newest: str
    changed_at: float
    # The newest time that this clock has given to anything in the version or to the model's folder. So that clock shows
    # at least this. Nobody can set these times (`st_ctime`) as they can set when a file was modified.
    clock: float


def look_at(folder: Path) -> Look:
    """Looks at a version folder without opening a file, at its first `MAX_ENTRIES` files and folders.

    Leaves out what cannot be looked at.

    A file has changed when it was written, and also when it was created, copied or renamed in the folder. The rename of
    the version folder itself does not count: whoever moves a complete folder to its place does that. Folders outside of
    the model's folder, which links may lead to, are not looked into.
    """
    fingerprint: dict[str, tuple[int, int]] = {}
    details: set[tuple[str, int, int, int]] = set()
    newest, changed_at, clock = "", 0.0, _changed(folder.parent)
    for entry in islice(walk(folder, folder.parent), MAX_ENTRIES):
        name, status = entry.name, entry.status
        if entry.is_file:
            fingerprint[name] = (status.st_size, status.st_mtime_ns)
        details.add((name, status.st_size, status.st_mtime_ns, status.st_ino))
        changed = status.st_mtime if not name else max(status.st_mtime, status.st_ctime)
        clock = max(clock, status.st_ctime)
        if changed > changed_at:
            newest, changed_at = name, changed
    return Look(fingerprint, frozenset(details), newest, changed_at, clock)


def _changed(folder: Path) -> float:
    try:
        return os.stat(folder).st_ctime
    except OSError:
        return 0.0


def fingerprint(folder: Path) -> Fingerprint:
    """Returns the sizes and modification times of all files in a folder, except those that cannot be looked at."""
    return look_at(folder).fingerprint


def gained_manifest(before: Fingerprint, after: Fingerprint) -> bool:
    """Returns whether the manifest arrived in the meantime, as it does late in a slow copy."""
    return MANIFEST_FILE in after and MANIFEST_FILE not in before


def differences(before: Fingerprint, after: Fingerprint) -> str:
    """Returns the names of the files that were added, removed or changed, at most three of them."""
    return listed(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
