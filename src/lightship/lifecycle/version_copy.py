"""A copy of a version folder that is loaded in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightship.lifecycle.servable import ServableId
from lightship.saved_model.digests import FileDigest


@dataclass(frozen=True, slots=True)
class VersionCopy:
    """A copy of a version folder that only this process writes to."""

    path: Path
    # The digests of all its files, by their paths with `/`.
    digests: Mapping[str, FileDigest]
    # Removes the copy, once nothing reads it any more. May be called twice.
    remove: Callable[[], None]


# Makes the copy from which a version is loaded, or raises a LightshipError if it may not be loaded.
CopyVersion = Callable[[ServableId, Path], VersionCopy]
