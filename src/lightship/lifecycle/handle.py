"""Handles keep a servable loaded while a request uses it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from types import TracebackType

from lightship.lifecycle.servable import Servable


class Lease:
    """Counts the handles of one servable. After `retire` it gives out no more, and reports when all are released."""

    __slots__ = ("_handles", "_lock", "_on_drained", "servable")

    def __init__(self, servable: Servable) -> None:
        self.servable = servable
        self._handles = 0
        self._lock = Lock()
        self._on_drained: Callable[[], None] | None = None

    def handle(self) -> Handle | None:
        """Returns a new handle, or None after `retire`."""
        with self._lock:
            if self._on_drained is not None:
                return None
            self._handles += 1
        return Handle(self)

    def retire(self, on_drained: Callable[[], None]) -> None:
        """Gives out no new handles. Calls `on_drained` when all handles are released, at once if there are none."""
        with self._lock:
            self._on_drained = on_drained
            drained = self._handles == 0
        if drained:
            on_drained()

    def release(self) -> None:
        with self._lock:
            self._handles -= 1
            drained = self._on_drained if self._handles == 0 else None
        if drained is not None:
            drained()


class Handle:
    """A context manager that keeps `servable` loaded until it is released, by one thread."""

    __slots__ = ("_lease", "servable")

    def __init__(self, lease: Lease) -> None:
        self._lease: Lease | None = lease
        self.servable = lease.servable

    def release(self) -> None:
        """Releases the servable. Further calls have no effect."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
