"""Decides when a version's files are complete: when they are old, or no longer change, or have the right digests."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lightship.bundle.manifest import MANIFEST_FILE, Manifest
from lightship.errors import InvalidArgument, LightshipError
from lightship.lifecycle.version_files import FilesSeen, Look, look_at
from lightship.threads import MAX_WAIT_SECONDS

DEFAULT_SETTLE_SECONDS = 2.0

# The clock of a file server and ours may differ by less than this.
_DOUBTFUL_SECONDS = 60.0

# The digests of larger versions are not computed only to load them a moment earlier.
_MAX_PROVEN_BYTES = 256 << 20


def default_settle_seconds() -> float:
    """Returns LIGHTSHIP_SETTLE_SECONDS if it is set, else `DEFAULT_SETTLE_SECONDS`. Raises InvalidArgument."""
    text = os.environ.get("LIGHTSHIP_SETTLE_SECONDS") or str(DEFAULT_SETTLE_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise InvalidArgument(f"LIGHTSHIP_SETTLE_SECONDS is {text!r}: give seconds, from 0 to {MAX_WAIT_SECONDS}")
    return seconds


class Settled(NamedTuple):
    """The files of a version, and whether they may be loaded."""

    files: FilesSeen
    # Seconds after which it is worth to look again; None if they may be loaded now.
    look_again: float | None = None


@dataclass(slots=True)
class _Seen:
    """The last look at files that were not complete."""

    look: Look
    # When they were first seen, and since when they have not changed, by `time.monotonic`.
    first: float
    since: float
    # Whether the digests were compared for this look.
    compared: bool = False


class Settling:
    """Remembers the files of one model that may still be written.

    seconds: files that have not changed for so long are complete, by the times of the files; so are files that do not
        change between two looks that are half as far apart, because clocks may be wrong. 0 takes every version at once.

    The times are those of the file system's clock, which may be a file server's and show another time than ours. How
    late it is there follows from the newest time that it has given to anything: when a version is moved to its place,
    that is the moment of the move. Where nothing newer than the files themselves was seen, our own clock decides, but
    only about files that are so old that the clocks do not matter.
    """

    def __init__(self, seconds: float = DEFAULT_SETTLE_SECONDS) -> None:
        self.seconds = seconds
        # The least that the file system's clock can show, less our `time.monotonic`.
        self._clock = -math.inf
        self._seen: dict[Path, _Seen] = {}

    def look(self, folder: Path) -> Settled:
        """Looks at the files of a version folder."""
        look, now = look_at(folder), time.monotonic()
        left = self.seconds - self._age(look, now)
        if left <= 0:
            self._seen.pop(folder, None)
            return Settled(FilesSeen(look.fingerprint))
        seen = self._seen.get(folder)
        if seen is None:
            seen = self._seen[folder] = _Seen(look, now, now)
        elif seen.look.details != look.details:
            seen.look, seen.since, seen.compared = look, now, False
        steady = self.seconds / 2 - (now - seen.since)
        if steady <= 0 or self._proven(folder, seen):
            return Settled(FilesSeen(look.fingerprint))
        return Settled(FilesSeen(look.fingerprint, _reason(seen, now)), min(left, steady))

    def _age(self, look: Look, now: float) -> float:
        """Returns for how many seconds the files have not changed, at least."""
        wall = time.time()
        self._clock = max(self._clock, min(look.clock, wall) - now)
        age = max(0.0, self._clock + now - look.changed_at)
        return wall - look.changed_at if wall - look.changed_at >= max(self.seconds, _DOUBTFUL_SECONDS) else age

    def keep(self, folders: Collection[Path]) -> None:
        """Forgets all other folders."""
        for folder in self._seen.keys() - set(folders):
            del self._seen[folder]

    def _proven(self, folder: Path, seen: _Seen) -> bool:
        """Returns whether the manifest's digests show that every file is complete."""
        if seen.compared or MANIFEST_FILE not in seen.look.fingerprint:
            return False
        try:
            manifest = Manifest.read(folder)
            if sum(file.size for file in manifest.files.values()) > _MAX_PROVEN_BYTES:
                return False
            seen.compared = True
            manifest.verify(folder)
        except LightshipError:
            return False
        return bool(manifest.files)


def _reason(seen: _Seen, now: float) -> str:
    name = f"{seen.look.newest} changed" if seen.look.newest else "the folder changed"
    since = now - seen.first
    duration = f", and they have been changing for {since:.0f} s" if since >= 3 else ""
    return f"its files are still being written: {name} less than {now - seen.since + 1:.0f} s ago{duration}"
