"""The versions of one model and the state of each. The manager's lock guards them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from lightship.errors import LightshipError
from lightship.lifecycle.attempts import Backoff, Retries
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.policy import LoadAction, Phase, UnloadAction, availability_preserving
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.served_models import ModelState
from lightship.lifecycle.state import ModelVersionStatus
from lightship.lifecycle.version_files import FilesSeen
from lightship.lifecycle.version_record import VersionRecord

# The number of ended versions that stay visible in the status of a model.
MAX_ENDED = 100

_NOT_FOUND_YET = "no version was found yet"


class ModelVersions:
    """All versions of one model."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Whether the model is configured; False after it was removed.
        self.wanted = True
        # Why the source found no version to load; empty if it found one.
        self.reason = _NOT_FOUND_YET
        # Versions by their labels, loaded or not.
        self.labels: Mapping[str, int] = {}
        # The versions that labels shall name, as soon as they are loaded.
        self._moving: dict[str, int] = {}
        # What an operator should know about its folder although versions are loaded; empty if nothing.
        self.notice = ""
        self.records: dict[int, VersionRecord] = {}
        self._ended = 0

    def aspire(self, versions: Mapping[int, Path]) -> None:
        """Sets the versions that should be loaded. A version that failed and was removed starts again when it comes
        back; one that is still unloading starts again after that."""
        for number, record in list(self.records.items()):
            if number not in versions and record.aspired:
                self._release(record)
        for number, path in versions.items():
            known = self.records.get(number)
            if known is None or known.phase is Phase.DISABLED or (known.phase is Phase.ERROR and not known.aspired):
                self.records[number] = VersionRecord(ServableId(self.name, number), path)
                continue
            known.aspired = True
            if known.phase in (Phase.NEW, Phase.ERROR, Phase.RETRYING, Phase.UNLOADING):
                known.path = path
            elif known.phase is Phase.LOADING:
                known.moved_to = path if path != known.path else None

    def see(self, files: Mapping[int, FilesSeen], versions: Mapping[int, Path], now: float) -> None:
        """Takes in what the files of aspired versions look like. A loaded version stays if its path is another now."""
        for number, seen in files.items():
            record = self.records.get(number)
            if record is None:
                continue
            if record.path != versions[number] and seen.replacing:
                record.move(versions[number])
            record.note_folder(versions[number])
            if record.path == versions[number]:
                record.see(seen, now)
            elif record.moved_to == versions[number]:
                record.unsettled = seen.unsettled

    def forget(self) -> None:
        """Marks the model as removed. Its versions stay in its status."""
        self.wanted, self.reason, self.labels, self.notice = False, _NOT_FOUND_YET, {}, ""
        self._moving = {}
        self.aspire({})

    def set_labels(self, labels: Mapping[str, int], *, keep: bool) -> None:
        """Replaces the labels. keep: a label that moves names its loaded version until the new one is loaded."""
        kept = {label: version for label, version in self.labels.items() if keep and label in labels}
        self.labels, self._moving = {**labels, **kept}, dict(labels)
        self.move_labels(self.leases())

    def move_labels(self, loaded: Mapping[int, Lease]) -> None:
        """Moves each label whose new version is loaded now, or whose old one is not loaded any more."""
        for label, version in list(self._moving.items()):
            if version in loaded or self.labels[label] not in loaded:
                self.labels = {**self.labels, label: version}
                del self._moving[label]

    def folders(self) -> dict[Path, bool]:
        """Returns the folders from which versions are loaded or being loaded, each with whether it answers."""
        found = {record.path: False for record in self.records.values() if record.load_began is not None}
        for record in self.records.values():
            if record.loaded_from is not None and record.lease is not None:
                found[record.loaded_from] = True
        return found

    def failed(self) -> list[VersionRecord]:
        """Returns the versions that failed and are to be tried again, during their retries or after them."""
        failed = (Phase.ERROR, Phase.RETRYING)
        return [record for record in self.records.values() if record.aspired and record.phase in failed]

    def retry_due(self, now: float) -> None:
        for record in self.failed():
            if record.phase is Phase.ERROR and record.may_load(now):
                record.phase = Phase.NEW

    def times(self) -> list[float]:
        """Returns when its versions may be loaded, by `time.monotonic`, as far as a pause is what they wait for."""
        return [record.retry_at for record in self.records.values() if record.aspired]

    def next_action(self, now: float) -> LoadAction | UnloadAction | None:
        """Returns what to do next. A retry that is due comes before a load that the policy chooses, and that before
        loading again what was not complete."""
        action = availability_preserving([record.snapshot(now) for record in self.records.values()])
        if isinstance(action, UnloadAction):
            return action
        due = [r.id.version for r in self.failed() if r.phase is Phase.RETRYING and r.may_load(now)]
        if due or action is not None:
            return LoadAction(max(due)) if due else action
        ready = (r for r in self.records.values() if r.aspired and r.phase is Phase.READY)
        stale = [record.id.version for record in ready if record.stale and record.may_load(now)]
        return LoadAction(max(stale)) if stale else None

    def fail(
        self, record: VersionRecord, error: LightshipError, now: float, retries: Retries, backoff: Backoff
    ) -> None:
        record.failure = error
        record.failures += 1
        if record.aspired and record.failures <= retries.times:
            record.phase, record.retry_at = Phase.RETRYING, now + max(0.0, retries.seconds)
            return
        record.phase, record.error = Phase.ERROR, error
        record.retry_at = now + backoff.after(record.failures - retries.times)
        self._end(record)

    def end(self, record: VersionRecord, error: LightshipError | None) -> None:
        record.phase, record.error, record.lease = Phase.DISABLED, error, None
        self._end(record)
        if record.aspired:  # it was aspired again while it was unloading
            self.records[record.id.version] = VersionRecord(record.id, record.path)

    def leases(self) -> dict[int, Lease]:
        """Returns the leases of the loaded versions, highest version first."""
        ready = {n: record.lease for n, record in self.records.items() if record.phase is Phase.READY}
        return {number: lease for number, lease in sorted(ready.items(), reverse=True) if lease is not None}

    def statuses(self) -> list[ModelVersionStatus]:
        """Returns the statuses of all versions, highest first."""
        now = time.monotonic()
        return [self.records[number].status(now) for number in sorted(self.records, reverse=True)]

    def state(self) -> ModelState:
        return ModelState(
            self.name, self.wanted, tuple(self.statuses()), self.why_not_ready(), self.notice, dict(self.labels)
        )

    def settled_status(self) -> ModelVersionStatus | None:
        """Returns the status of the highest aspired version that is loaded or ended with an error, or None."""
        settled = [r for r in self.records.values() if r.aspired and (r.phase is Phase.READY or r.error is not None)]
        return max(settled, key=lambda record: record.id.version).status(time.monotonic()) if settled else None

    def unused(self) -> bool:
        """Returns whether no version is loaded or being unloaded. Versions may still be loading."""
        return all(record.phase not in (Phase.READY, Phase.UNLOADING) for record in self.records.values())

    def idle(self) -> bool:
        """Returns whether no version is loaded, being loaded or being unloaded."""
        at_rest = (Phase.DISABLED, Phase.ERROR, Phase.NEW)
        return all(record.phase in at_rest and record.load_began is None for record in self.records.values())

    def why_not_ready(self) -> str | None:
        """Returns None if a version is loaded, and otherwise why the newest is not."""
        if self.leases():
            return None
        for number in sorted(self.records, reverse=True):
            record = self.records[number]
            if record.aspired:
                reason = record.failure.message if record.failure else record.status(time.monotonic()).note
                return f"version {number}: {reason or 'it is still loading'}"
        return self.reason

    def _release(self, record: VersionRecord) -> None:
        record.aspired = False
        if record.phase is Phase.RETRYING or (record.phase is Phase.NEW and record.failure is not None):
            record.phase, record.error = Phase.ERROR, record.failure
            self._end(record)
        elif record.phase is Phase.NEW:  # loading has not begun
            del self.records[record.id.version]

    def _end(self, record: VersionRecord) -> None:
        self._ended += 1
        record.ended = self._ended
        gone = sorted((r for r in self.records.values() if r.gone), key=lambda r: r.ended)
        for old in gone[: max(0, len(gone) - MAX_ENDED)]:
            del self.records[old.id.version]
