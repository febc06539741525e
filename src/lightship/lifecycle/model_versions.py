"""The versions of one model: which are wanted, what became of each, which answers. Guarded by the manager's lock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lightship.errors import LightshipError
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.policy import Load, Phase, Unload, availability_preserving
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.state import VersionStatus
from lightship.lifecycle.version_record import VersionRecord

# Versions that ended stay visible, but not for ever.
MAX_ENDED = 100


class Pauses(NamedTuple):
    """Seconds between the attempts to load a version that fails: the first pause, doubled up to the longest."""

    first: float = 1.0
    longest: float = 60.0

    def after(self, attempts: int) -> float:
        return min(self.longest, self.first * 2.0 ** min(attempts - 1, 30))


class ModelVersions:
    """reason: why nothing is there to load, as the source found it; empty if something is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reason = "no version was found yet"
        self.records: dict[int, VersionRecord] = {}
        self._ended = 0

    def aspire(self, versions: Mapping[int, Path]) -> None:
        """Takes the absolute set of versions that should be there. A version that failed before starts afresh when it
        comes back; one that is still going away is held until it has gone."""
        for number, record in self.records.items():
            if number not in versions:
                record.aspired = False
        for number, path in versions.items():
            known = self.records.get(number)
            if known is None or known.phase is Phase.DISABLED or (known.phase is Phase.ERROR and not known.aspired):
                self.records[number] = VersionRecord(ServableId(self.name, number), path)
                continue
            known.aspired = True
            if known.phase in (Phase.NEW, Phase.ERROR):
                known.path = path

    def failed(self) -> list[VersionRecord]:
        return [record for record in self.records.values() if record.aspired and record.phase is Phase.ERROR]

    def retry_due(self, now: float) -> None:
        for record in self.failed():
            if record.retry_at <= now:
                record.phase = Phase.NEW

    def next_retry(self) -> float | None:
        return min((record.retry_at for record in self.failed()), default=None)

    def next_action(self) -> Load | Unload | None:
        return availability_preserving([record.snapshot() for record in self.records.values()])

    def fail(self, record: VersionRecord, error: LightshipError, now: float, pauses: Pauses) -> None:
        record.phase, record.error = Phase.ERROR, error
        record.attempts += 1
        record.retry_at = now + pauses.after(record.attempts)
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

    def statuses(self) -> list[VersionStatus]:
        """Highest version first."""
        return [self.records[number].status() for number in sorted(self.records, reverse=True)]

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
                return f"version {number}: {record.error.message if record.error else 'it is being loaded'}"
        return self.reason

    def _end(self, record: VersionRecord) -> None:
        self._ended += 1
        record.ended = self._ended
        gone = sorted((r for r in self.records.values() if r.gone), key=lambda r: r.ended)
        for old in gone[: max(0, len(gone) - MAX_ENDED)]:
            del self.records[old.id.version]
