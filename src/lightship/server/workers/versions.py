"""The versions that a worker has prepared, whether or not they answer calls yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from lightship.errors import FailedPrecondition, LightshipError
from lightship.lifecycle.attempts import LoadFunction, attempt_quietly
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.servable import ServableId
from lightship.repeated import RepeatedFailure

_MAX_FAILING = 1000  # versions whose failures are remembered


class PreparedVersions:
    """Versions by the numbers of their loads. Any thread may call its methods.

    on_turnover: is called after a version was loaded, and after one was closed.
    """

    def __init__(self, load: LoadFunction, on_turnover: Callable[[], None]) -> None:
        self._load, self._on_turnover = load, on_turnover
        self._lock = threading.Lock()
        self._leases: dict[int, Lease] = {}
        self._failing: dict[ServableId, RepeatedFailure] = {}

    def prepare(self, number: int, id: ServableId, path: Path) -> list[str]:
        """Loads a version. Returns the names of the signatures that change variables.

        Raises the error if it cannot be loaded.
        """
        failing = self._failing_of(id)
        loaded = attempt_quietly(self._load, id, path, failing)
        if isinstance(loaded, LightshipError):
            raise loaded
        with self._lock:
            self._failing.pop(id, None)
            self._leases[number] = Lease(loaded)
        self._on_turnover()
        return sorted(loaded.bundle.saved_model.changes.writers)

    def _failing_of(self, id: ServableId) -> RepeatedFailure:
        with self._lock:
            while len(self._failing) >= _MAX_FAILING:
                del self._failing[next(iter(self._failing))]
            return self._failing.setdefault(id, RepeatedFailure())

    def leases(self, numbers: Mapping[int, int]) -> dict[int, Lease]:
        """Returns the leases of loads, which are given by version, the highest version first.

        Raises FailedPrecondition if one of them is not prepared.
        """
        with self._lock:
            missing = [number for number in numbers.values() if number not in self._leases]
            if missing:
                raise FailedPrecondition(f"the loads {missing} are not prepared")
            return {version: self._leases[number] for version, number in sorted(numbers.items(), reverse=True)}

    def engine_of(self, number: int, signature: str) -> str:
        """Returns the name of the runtime that runs a signature of a load. Raises the errors of `Engine.engine_of`."""
        with self._lock:
            lease = self._leases.get(number)
        handle = lease.handle() if lease is not None else None
        if handle is None:
            raise FailedPrecondition(f"the load {number} is not prepared")
        with handle:
            return handle.servable.engine.engine_of(signature)

    def drop(self, number: int) -> None:
        """Waits until no call uses a version any more, and closes it."""
        with self._lock:
            lease = self._leases.pop(number, None)
        if lease is None:
            return
        drained = threading.Event()
        lease.retire(drained.set)
        drained.wait()
        lease.servable.close()
        self._on_turnover()
