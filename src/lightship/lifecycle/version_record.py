"""What the manager knows of one version."""

from __future__ import annotations

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
    """error: what it ended with. failure: why the last attempt failed, be it tried again or not. failures: in a row.
    retry_at: on the clock of `time.monotonic`, while it failed and is aspired. fingerprint: of the files at the last
    attempt. ended: the order in which versions ended."""

    id: ServableId
    path: Path
    aspired: bool = True
    phase: Phase = Phase.NEW
    error: LightshipError | None = None
    failure: LightshipError | None = None
    lease: Lease | None = None
    failures: int = 0
    retry_at: float = 0.0
    fingerprint: Fingerprint = field(default_factory=frozenset)
    ended: int = 0

    @property
    def gone(self) -> bool:
        """It ended and nobody wants it back."""
        return not self.aspired and self.phase in (Phase.DISABLED, Phase.ERROR)

    def become_ready(self, servable: Servable) -> None:
        self.phase, self.error, self.failure, self.failures = Phase.READY, None, None, 0
        self.lease = Lease(servable)

    def snapshot(self) -> Version:
        return Version(self.id.version, self.phase, self.aspired)

    def status(self) -> ModelVersionStatus:
        return ModelVersionStatus(self.id.version, _STATES[self.phase], self.error)


def fingerprint(folder: Path) -> Fingerprint:
    """Names, sizes and times of all files below; what cannot be read is left out."""
    found = set()
    for path in [folder, *folder.rglob("*")] if folder.is_dir() else [folder]:
        try:
            stat = path.stat()
        except OSError:
            continue
        found.add((str(path), stat.st_size, stat.st_mtime_ns))
    return frozenset(found)
