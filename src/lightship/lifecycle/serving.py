"""What answers now, by model, version and label. Read by every request, so without a lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lightship.errors import InvalidArgument, NotFound
from lightship.lifecycle.handle import Handle, Lease


class _Serving(NamedTuple):
    """One model. latest: None while no version answers."""

    latest: Lease | None
    versions: Mapping[int, Lease]
    labels: Mapping[str, int]


class ServingTable:
    """Replaced as a whole at every change, by one writer at a time; readers see all of it or nothing."""

    def __init__(self) -> None:
        self._models: Mapping[str, _Serving] = {}

    def publish(self, name: str, leases: Mapping[int, Lease], labels: Mapping[str, int]) -> None:
        """leases: what answers, the highest version first."""
        models = {other: serving for other, serving in self._models.items() if other != name}
        if leases or labels:
            models[name] = _Serving(next(iter(leases.values()), None), leases, dict(labels))
        self._models = models

    def handle(self, name: str, version: int | None, label: str | None) -> Handle:
        """Raises NotFound or InvalidArgument with TensorFlow Serving's texts."""
        while True:
            serving = self._models.get(name)
            if label is not None:
                version = _labelled(serving, label)
            if serving is None:
                raise _not_found(name, version)
            lease = serving.latest if version is None else serving.versions.get(version)
            if lease is None:
                raise _not_found(name, version)
            handle = lease.handle()
            if handle is not None:
                return handle  # else it was retired in between, and the table has been replaced

    def labelled(self, name: str, label: str) -> int:
        """The version that a label names, be it loaded or not. Raises InvalidArgument."""
        return _labelled(self._models.get(name), label)


def _labelled(serving: _Serving | None, label: str) -> int:
    version = serving.labels.get(label) if serving is not None else None
    if version is None:
        raise InvalidArgument(f"Unrecognized servable version label: {label}")
    return version


def _not_found(name: str, version: int | None) -> NotFound:
    wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return NotFound(f"Servable not found for request: {wanted}")
