"""The loaded versions by model, version and label. Every request reads this table, so it needs no lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lightship.errors import InvalidArgument, MissingModel, NotFound
from lightship.lifecycle.handle import Handle, Lease


class _Serving(NamedTuple):
    """The loaded versions of one model."""

    # The highest loaded version; None if none is loaded.
    latest: Lease | None
    versions: Mapping[int, Lease]
    labels: Mapping[str, int]


class ServingTable:
    """A table that one writer at a time replaces as a whole, so that readers never see half of a change."""

    def __init__(self) -> None:
        self._models: Mapping[str, _Serving] = {}

    def publish(self, name: str, leases: Mapping[int, Lease], labels: Mapping[str, int]) -> None:
        """Replaces the entry of a model. leases: its loaded versions, the highest first."""
        models = {other: serving for other, serving in self._models.items() if other != name}
        if leases or labels:
            models[name] = _Serving(next(iter(leases.values()), None), leases, dict(labels))
        self._models = models

    def handle(self, name: str, version: int | None, label: str | None) -> Handle:
        """Returns a handle as `Manager.handle` does, with the same errors."""
        while True:
            serving = self._models.get(name)
            if label is not None:
                version = _labelled(serving, name, label)
            if serving is None:
                raise _not_found(name, version, label)
            lease = serving.latest if version is None else serving.versions.get(version)
            if lease is None:
                raise _not_found(name, version, label)
            handle = lease.handle()
            if handle is not None:
                return handle  # otherwise it was retired in the meantime, and the table has been replaced

    def serves(self, name: str) -> bool:
        """Returns whether a model has a loaded version or a label."""
        return name in self._models

    def labelled(self, name: str, label: str) -> int:
        """Returns the version that a label names, loaded or not. Raises InvalidArgument for an unknown label."""
        return _labelled(self._models.get(name), name, label)


def _labelled(serving: _Serving | None, name: str, label: str) -> int:
    version = serving.labels.get(label) if serving is not None else None
    if version is None:
        error = InvalidArgument(f"Unrecognized servable version label: {label}")
        raise error.about(MissingModel(name, label=label))
    return version


def _not_found(name: str, version: int | None, label: str | None) -> NotFound:
    wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    error = NotFound(f"Servable not found for request: {wanted}")
    return error.about(MissingModel(name, version, label))
