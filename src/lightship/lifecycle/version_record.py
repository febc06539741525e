"""What the manager knows about one version."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lightship.errors import LightshipError
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.policy import Phase, Version
from lightship.lifecycle.servable import Servable, ServableId
from lightship.lifecycle.state import ModelVersionStatus, State

Fingerprint = frozenset[tuple[str, int, int]]

_STATES = {
    Phase.NEW: State.START,
    Phase.LOADING: State.LOADING,
    Phase.RETRYING: State.LOADING,
    Phase.READY: State.AVAILABLE,
    Phase.UNLOADING: State.UNLOADING,
    Phase.DISABLED: State.END,
    Phase.ERROR: State.END,
}


@dataclass(slots=True)
class VersionRecord:
    """One version of a model."""

    id: ServableId
    path: Path
    aspired: bool = True
    phase: Phase = Phase.NEW
    # The error that the version ended with.
    error: LightshipError | None = None
    # Why the last attempt failed, whether or not it is tried again.
    failure: LightshipError | None = None
    lease: Lease | None = None
    # The number of attempts that failed one after the other.
    failures: int = 0
    # When to try again, by `time.monotonic`, after an attempt failed.
    retry_at: float = 0.0
    # The state of the files at the last attempt.
    fingerprint: Fingerprint = field(default_factory=frozenset)
    # The position in the order in which versions ended.
    ended: int = 0

    @property
    def gone(self) -> bool:
        """Whether it ended and is not aspired."""
        return not self.aspired and self.phase in (Phase.DISABLED, Phase.ERROR)

    def become_ready(self, servable: Servable) -> None:
        self.phase, self.error, self.failure, self.failures = Phase.READY, None, None, 0
        self.lease = Lease(servable)

    def snapshot(self) -> Version:
        return Version(self.id.version, self.phase, self.aspired)

    def status(self) -> ModelVersionStatus:
        return ModelVersionStatus(self.id.version, _STATES[self.phase], self.error)


def fingerprint(folder: Path) -> Fingerprint:
    """Returns the names, sizes and modification times of all files in a folder, except those that cannot be read."""
    found = set()
    for path in [folder, *_below(folder)]:
        try:
            stat = path.stat()
        except OSError:
            continue
        found.add((str(path), stat.st_size, stat.st_mtime_ns))
    return frozenset(found)


def _below(folder: Path) -> Iterator[Path]:
    """Yields what is below a folder; nothing if the folder vanishes in the meantime."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))
