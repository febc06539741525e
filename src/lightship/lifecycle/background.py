"""Work on threads of its own, which waits while the system allows no further thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lightship.threads import start_thread

RETRY_SECONDS = 1.0  # after which to call `start_waiting` again while something waits


class Background:
    """Starts functions on threads. Any thread may call `start`.

    wake: is called when a function waits for a thread; somebody must then call `start_waiting` from time to time.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()

    @property
    def waits(self) -> bool:
        """Whether a function waits for a thread."""
        return bool(self._waiting)

    def start(self, target: Callable[..., None], *arguments: object) -> None:
        """Calls a function on a thread of its own, now or as soon as there may be one."""
        if not _started(target, arguments):
            self._waiting.append((target, arguments))
            self._wake()

    def start_waiting(self) -> None:
        """Starts what waits, as far as the system allows."""
        while self._waiting and _started(*self._waiting[0]):
            self._waiting.popleft()


def _started(target: Callable[..., None], arguments: tuple[object, ...]) -> bool:
    return start_thread(target, *arguments, name=f"lightship{target.__name__}")
