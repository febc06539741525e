"""Notes of what happened, which are counted many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

MAX_NOTES = 256  # so many requests take a quarter of a millisecond to count, and 100 KB

Note = TypeVar("Note")


class Notes(Generic[Note]):
    """Any thread may call its methods.

    Counting each request when it ends would take several times as long as counting many at once, because what is
    touched for that is not in the processor's caches. So whoever reads what was counted must call `count` first.

    counted: is called with notes, in their order, by one thread at a time.
    """

    __slots__ = ("_counted", "_lock", "_notes")

    def __init__(self, counted: Callable[[Sequence[Note]], None]) -> None:
        self._counted = counted
        self._lock = threading.Lock()
        self._notes: list[Note] = []

    def __len__(self) -> int:
        return len(self._notes)

    def add(self, note: Note) -> None:
        """Notes something. When there are many notes, this thread has them counted."""
        notes = self._notes
        notes.append(note)
        if len(notes) >= MAX_NOTES:
            self.count()

    def count(self) -> None:
        """Has what was noted counted. Other threads may note more meanwhile, behind these."""
        with self._lock:
            number = len(self._notes)
            notes = self._notes[:number]
            del self._notes[:number]
            if notes:
                self._counted(notes)
