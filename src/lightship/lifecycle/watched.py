"""One model whose folder is polled: which versions it has, whether their files are complete, and what to tell of it."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lightship.errors import LightshipError, PermissionDenied
from lightship.lifecycle.aspired import find_aspired
from lightship.lifecycle.confinement import check_confined
from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.settling import Settling
from lightship.lifecycle.version_files import FilesSeen
from lightship.repeated import RepeatedFailure
from lightship.saved_model.versions import expected_in_model_folder, explain_model_folder

# For so long after a version was found, its files are looked at again even if its model is not polled.
_NEW_SECONDS = 60.0
_LOOK_SECONDS = 1.0  # between these looks


class Found(NamedTuple):
    """The result of one poll of a folder."""

    # The versions that should be loaded; None if the folder could not be read.
    versions: dict[int, Path] | None
    explanation: str | None
    # Whole sentences, each to be logged once.
    warnings: list[str]


@dataclass(slots=True)
class Watched:
    """A model whose folder is polled, and the result of the last poll."""

    config: ModelConfig
    settling: Settling
    # Is held while the folder is polled.
    polling: threading.Lock = field(default_factory=threading.Lock)
    # When the running poll began, by `time.monotonic`; None if none is running.
    began: float | None = None
    # Why there is no version, for clients; None if there is one.
    explanation: str | None = None
    # Whether the last poll could read the folder, or the list of the object store, and none of the versions is there.
    empty: bool = False
    # The warnings of the last poll.
    logged: frozenset[str] = frozenset()
    # Whether the folder could not be read in the last poll.
    unreadable: bool = False
    # Unexpected failures of each kind of poll.
    failing: dict[str, RepeatedFailure] = field(default_factory=lambda: defaultdict(RepeatedFailure))
    # The versions of the last poll, and when each was found, by `time.monotonic`.
    versions: Mapping[int, Path] = field(default_factory=dict)
    found: dict[Path, float] = field(default_factory=dict)
    # Since when the folder has been empty although versions were found before.
    empty_since: float | None = None
    # Why the versions are kept although the last poll did not find them; empty if it did.
    notice: str = ""
    # When to look again at the files of the last poll's versions, by `time.monotonic`; None if that is not needed.
    look_at: float | None = None

    @property
    def due(self) -> float | None:
        """When to look again at its files. None if that is not needed, or while a poll runs, which may hang."""
        return self.look_at if self.began is None else None

    def spared(self, found: Found, grace: float) -> Found:
        """Returns what was found, with the versions of the last poll for `grace` seconds after none is left."""
        now, self.notice = time.monotonic(), found.explanation or "" if found.versions is None else ""
        if found.versions != {} or not self.versions:
            self.empty_since = None
            return found
        self.empty_since = now if self.empty_since is None else self.empty_since
        if now - self.empty_since >= grace:
            return found
        self.notice = (
            f"{self.config.place} has no version any more; the loaded versions of servable {self.config.name} are kept "
            f"for {grace:g} seconds (--empty-folder-grace): put a version there"
        )
        return Found(dict(self.versions), None, [self.notice])

    def look(self, versions: Mapping[int, Path]) -> dict[int, FilesSeen]:
        """Looks at the files of versions, and notes when to do so again. Versions that have gone are not looked at."""
        if self.notice:
            self.look_at = None
            return {}
        now, seen = time.monotonic(), {}
        again: list[float] = []
        self.versions, self.look_at = versions, None
        self.found = {path: self.found.get(path, now) for path in versions.values()}
        self.settling.keep(versions.values())
        for number, path in versions.items():
            settled = self.settling.look(path)
            seen[number] = settled.files
            if settled.look_again is not None:
                again.append(now + settled.look_again)
            elif now - self.found[path] < _NEW_SECONDS:
                again.append(now + _LOOK_SECONDS)
        self.look_at = min(again, default=None)
        return seen


def look_for_versions(config: ModelConfig) -> Found:
    """Lists the versions of a model's folder that its policy selects.

    The explanation goes to clients, so it names no entry of the folder; the warnings do.
    """
    try:
        check_confined(config)
        versions, warnings, missing = find_aspired(config)
        check_confined(config, versions.values())
    except LightshipError as error:
        warning = _unreadable(config, error)
        if not isinstance(error, PermissionDenied):
            warning += f" ({explain_model_folder(config.path) or error.message})"
        return Found(None, error.message, [warning])
    if versions:
        return Found(versions, None, warnings)
    explanation = expected_in_model_folder(config.path) or "; ".join(missing) or "no version was found yet"
    listed = explain_model_folder(config.path) or "; ".join(warnings) or explanation
    none_there = (
        f"No versions of servable {config.name} found under base path {config.path}. Did you forget to name your leaf "
        f"directory as a number (eg. '/1/')? ({listed})"
    )
    return Found(versions, explanation, [*warnings, none_there])


def _unreadable(config: ModelConfig, error: LightshipError) -> str:
    reason = error.message if os.path.exists(config.path) else f"{config.path}; No such file or directory"
    return f"Could not find base path {config.path} for servable {config.name} with error {error.code.name}: {reason}"
