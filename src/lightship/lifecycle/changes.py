"""A condition that also calls listeners, for those who cannot wait on a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Changes(threading.Condition):
    """A condition whose `notify_all` calls the listeners too."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Adds a listener, which is called with the lock held, and returns a function that removes it."""
        with self:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self:
                self._listeners.remove(listener)

        return unsubscribe

    def notify_all(self) -> None:
        super().notify_all()
        for listener in self._listeners:
            listener()
