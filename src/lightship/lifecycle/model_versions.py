"""The versions of one model: which are wanted, what became of each, which answers. Guarded by the manager's lock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lightship.errors import LightshipError
from lightship.lifecycle.attempts import Backoff, Retries
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.policy import LoadAction, Phase, UnloadAction, availability_preserving
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.state import ModelVersionStatus
from lightship.lifecycle.version_record import VersionRecord

# Versions that ended stay visible, but not for ever.
MAX_ENDED = 100

_NOT_FOUND_YET = "no version was found yet"


class ModelVersions:
    """wanted: the model is configured; False once it was removed. reason: why nothing is there to load, as the source
    found it; empty if something is. labels: names of versions, loaded or not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wanted = True
        self.reason = _NOT_FOUND_YET
        self.labels: Mapping[str, int] = {}
        self.records: dict[int, VersionRecord] = {}
        self._ended = 0

    def aspire(self, versions: Mapping[int, Path]) -> None:
        """Takes the absolute set of versions that should be there. A version that failed before starts afresh when it
        comes back; one that is still going away is held until it has gone."""
        for number, record in list(self.records.items()):
            if number not in versions and record.aspired:
                self._let_go(record)
        for number, path in versions.items():
            known = self.records.get(number)
            if known is None or known.phase is Phase.DISABLED or (known.phase is Phase.ERROR and not known.aspired):
                self.records[number] = VersionRecord(ServableId(self.name, number), path)
                continue
            known.aspired = True
            if known.phase in (Phase.NEW, Phase.ERROR, Phase.RETRYING, Phase.UNLOADING):
                known.path = path

    def forget(self) -> None:
        """The model is no longer configured; what it was stays in its status."""
        self.wanted, self.reason, self.labels = False, _NOT_FOUND_YET, {}
        self.aspire({})

    def failed(self) -> list[VersionRecord]:
        """What is to be tried again, in the retries that clients see as LOADING or after them."""
        failed = (Phase.ERROR, Phase.RETRYING)
        return [record for record in self.records.values() if record.aspired and record.phase in failed]

    def retry_due(self, now: float) -> None:
        for record in self.failed():
            if record.phase is Phase.ERROR and record.retry_at <= now:
                record.phase = Phase.NEW

    def next_retry(self) -> float | None:
        return min((record.retry_at for record in self.failed()), default=None)

    def next_action(self, now: float) -> LoadAction | UnloadAction | None:
        """A retry that is due comes before what the policy would load."""
        action = availability_preserving([record.snapshot() for record in self.records.values()])
        due = [r.id.version for r in self.failed() if r.phase is Phase.RETRYING and r.retry_at <= now]
        return LoadAction(max(due)) if due and not isinstance(action, UnloadAction) else action

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
        if record.aspired:  # it came back while it was going away
            self.records[record.id.version] = VersionRecord(record.id, record.path)

    def leases(self) -> dict[int, Lease]:
        """What answers, highest version first."""
        ready = {n: record.lease for n, record in self.records.items() if record.phase is Phase.READY}
        return {number: lease for number, lease in sorted(ready.items(), reverse=True) if lease is not None}

    def statuses(self) -> list[ModelVersionStatus]:
        """Highest version first."""
        return [self.records[number].status() for number in sorted(self.records, reverse=True)]

    def settled_status(self) -> ModelVersionStatus | None:
        """The highest aspired version that answers or ended with an error; None while neither has come to pass."""
        settled = [r for r in self.records.values() if r.aspired and (r.phase is Phase.READY or r.error is not None)]
        return max(settled, key=lambda record: record.id.version).status() if settled else None

    def idle(self) -> bool:
        """Nothing is loaded or on its way."""
        return all(record.phase in (Phase.DISABLED, Phase.ERROR, Phase.NEW) for record in self.records.values())

    def why_not_ready(self) -> str | None:
        """None if a version answers; else what stands in the way of the newest."""
        if self.leases():
            return None
        for number in sorted(self.records, reverse=True):
            record = self.records[number]
            if record.aspired:
                return f"version {number}: {record.failure.message if record.failure else 'it is being loaded'}"
        return self.reason

    def _let_go(self, record: VersionRecord) -> None:
        record.aspired = False
        if record.phase is Phase.RETRYING or (record.phase is Phase.NEW and record.failure is not None):
            record.phase, record.error = Phase.ERROR, record.failure
            self._end(record)
        elif record.phase is Phase.NEW:  # it never began
            del self.records[record.id.version]

    def _end(self, record: VersionRecord) -> None:
        self._ended += 1
        record.ended = self._ended
        gone = sorted((r for r in self.records.values() if r.gone), key=lambda r: r.ended)
        for old in gone[: max(0, len(gone) - MAX_ENDED)]:
            del self.records[old.id.version]
