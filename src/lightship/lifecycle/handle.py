"""Handles keep a servable loaded while a call uses it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from types import TracebackType

from lightship.lifecycle.servable import Servable


class Lease:
    """Counts the handles of one servable. Once it is retired, no new ones are given, and the last one out reports."""

    __slots__ = ("_handles", "_lock", "_on_drained", "servable")

    def __init__(self, servable: Servable) -> None:
        self.servable = servable
        self._handles = 0
        self._lock = Lock()
        self._on_drained: Callable[[], None] | None = None

    def handle(self) -> Handle | None:
        """None if the servable is on its way out."""
        with self._lock:
            if self._on_drained is not None:
                return None
            self._handles += 1
        return Handle(self)

    def retire(self, on_drained: Callable[[], None]) -> None:
        """Ends the giving of handles; calls back when all are released, at once if there are none."""
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
    """What a call holds for as long as it uses `servable`; a context manager. To be released once, by one thread."""

    __slots__ = ("_lease", "servable")

    def __init__(self, lease: Lease) -> None:
        self._lease: Lease | None = lease
        self.servable = lease.servable

    def release(self) -> None:
        """May be called again; only the first call counts."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()

    def __enter__(self) -> Handle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
