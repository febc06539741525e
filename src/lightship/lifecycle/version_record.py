"""What the manager knows about one version."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from lightship.errors import LightshipError
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.policy import Phase, Version
from lightship.lifecycle.servable import Servable, ServableId
from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.lifecycle.version_files import FilesSeen, Fingerprint, differences, gained_manifest
from lightship.repeated import RepeatedFailure

logger = logging.getLogger(__name__)

# A load that has taken so long is told about.
LONG_SECONDS = 5.0
# A version whose files change so soon after it became ready was loaded before it was complete.
_EARLY_SECONDS = 30.0
# The pause after an attempt during which the files changed.
_POSTPONE_SECONDS = 1.0
_ELSEWHERE = (  # clients may see it, so it names no folder
    "it answers with what it loaded from another folder than is configured now, because a number that is loaded is not "
    "loaded again: publish the new files as a new version, or restart the server"
)

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
    # The folder from which that was loaded.
    loaded_from: Path | None = None
    # The number of attempts that failed one after the other.
    failures: int = 0
    # What was logged of them.
    failing: RepeatedFailure = field(default_factory=RepeatedFailure)
    # When to try again, by `time.monotonic`, after an attempt failed.
    retry_at: float = 0.0
    # The state of the files at the last attempt.
    fingerprint: Fingerprint = field(default_factory=dict)
    # Why its files may not be complete yet; it is not loaded before they are.
    unsettled: str = ""
    # When the running attempt began, by `time.monotonic`; None if none is running.
    load_began: float | None = None
    # When it became ready for the first time, by `time.monotonic`.
    ready_at: float | None = None
    # Whether its files changed so soon after it was loaded that it is to be loaded again. It keeps answering meanwhile.
    stale: bool = False
    # The changed files that were told about.
    changed: Fingerprint | None = None
    # What an operator should know about it although it answers.
    notice: str = ""
    # The folder that is configured for it now, if it answers from another one.
    elsewhere: Path | None = None
    # The folder that is configured for it now, if another one is being loaded for the first time.
    moved_to: Path | None = None
    # The position in the order in which versions ended.
    ended: int = 0

    @property
    def gone(self) -> bool:
        """Whether it ended and is not aspired."""
        return not self.aspired and self.phase in (Phase.DISABLED, Phase.ERROR)

    def become_ready(self, servable: Servable, now: float) -> Lease | None:
        """Makes the version ready with a servable. Returns the lease of the one that it replaces."""
        before = self.lease
        self.phase, self.error, self.failure, self.failures = Phase.READY, None, None, 0
        self.lease, self.ready_at = Lease(servable), now if self.ready_at is None else self.ready_at
        self.stale, self.changed, self.notice = False, None, ""
        return before

    def see(self, files: FilesSeen, now: float) -> None:
        """Takes in what its files look like. A failed version is tried again at once when they have changed.

        If there are none, the folder is away or cannot be read, which says nothing about them.
        """
        self.unsettled = files.unsettled
        if not files.fingerprint:
            return
        same = files.fingerprint == self.fingerprint
        if self.phase in (Phase.ERROR, Phase.RETRYING) and not same:
            self.failures, self.retry_at = 0, 0.0
        elif self.phase is Phase.READY and same:
            self.stale, self.changed, self.notice = False, None, ""
        elif self.phase is Phase.READY and not self.unsettled and files.fingerprint != self.changed:
            self._see_changed(files.fingerprint, now)

    def note_folder(self, path: Path) -> None:
        """Notes the folder that is configured for it now. A loaded version stays as it is, and the log says so once."""
        elsewhere = path if self.phase is Phase.READY and path != self.path else None
        if elsewhere is not None and elsewhere != self.elsewhere:
            fields = {"model": self.id.name, "version": self.id.version}
            logger.warning("%s is configured in %s now: %s", self.id, path, _ELSEWHERE, extra=fields)
        self.elsewhere = elsewhere

    def move(self, path: Path) -> None:
        """Lets a version that was loaded before it was complete be loaded again from another folder."""
        if self.phase is Phase.READY and self.load_began is None:
            self.path, self.stale, self.retry_at = path, True, 0.0

    def _see_changed(self, found: Fingerprint, now: float) -> None:
        self.changed = found
        names = differences(self.fingerprint, found)
        fields = {"model": self.id.name, "version": self.id.version}
        early = self.ready_at is not None and now - self.ready_at < _EARLY_SECONDS
        if early or gained_manifest(self.fingerprint, found):
            self.stale, self.retry_at = True, 0.0
            logger.info("%s is loaded again, because its files were not complete: %s", self.id, names, extra=fields)
            return
        self.notice = (  # clients may see it, so it names no files
            "its files were changed after it was loaded: it answers with what it loaded; publish changed files as a "
            "new version"
        )
        logger.warning("%s: %s (%s)", self.id, self.notice, names, extra=fields)

    def may_load(self, now: float) -> bool:
        """Returns whether nothing speaks against an attempt: its files are complete, and no pause is left."""
        return not self.unsettled and self.load_began is None and self.retry_at <= now

    def postpone(self, now: float) -> None:
        """Lets it be loaded again in a moment, because its files changed during an attempt, which says nothing."""
        self.retry_at = now + _POSTPONE_SECONDS
        if self.phase is Phase.LOADING:
            self.phase = Phase.NEW

    def restart(self, path: Path) -> None:
        """Lets it be loaded from another folder, because that was configured while it was being loaded."""
        self.path, self.moved_to, self.phase = path, None, Phase.NEW
        self.failures, self.retry_at = 0, 0.0

    def snapshot(self, now: float) -> Version:
        return Version(self.id.version, self.phase, self.aspired, self.phase is Phase.NEW and not self.may_load(now))

    def status(self, now: float) -> ModelVersionStatus:
        return ModelVersionStatus(self.id.version, _STATES[self.phase], self.error, self._note(now), self.aspired)

    def _note(self, now: float) -> str:
        if self.load_began is not None and now - self.load_began >= LONG_SECONDS:
            return f"it has been loading for {now - self.load_began:.0f} seconds"
        if self.phase is Phase.READY:
            return _ELSEWHERE if self.elsewhere is not None else self.notice
        if self.aspired and self.unsettled:
            return self.unsettled
        return self.failure.message if self.phase is Phase.RETRYING and self.failure is not None else ""
