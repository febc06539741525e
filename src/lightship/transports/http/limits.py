"""How much a client may send, and how much of it the server holds at once."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_BYTES = 64 << 20
JSON_BYTES = 1 << 30
HELD_BYTES = 1 << 30
SMALL = 64 << 10  # bytes; a body of this size costs no more than its connection


@dataclass(frozen=True, slots=True)
class Limits:
    """In bytes. `held` is for all bodies together that are being read or worked on."""

    image: int = IMAGE_BYTES
    json: int = JSON_BYTES
    held: int = HELD_BYTES

    @property
    def least(self) -> int:
        """A body of this size is within the limit whatever it is."""
        return min(self.image, self.json)

    def of(self, content_type: str) -> int:
        return self.image if content_type.lower().startswith("image/") else self.json


class Budget:
    """What all bodies together may take. Used on the event loop alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.taken = 0

    def take(self, amount: int, already: int) -> bool:
        """Whether there is room for `amount` more bytes of a body of which `already` have come; takes it.

        The first body always finds room, and small ones need none.
        """
        if already + amount > SMALL and self.taken > already and self.taken + amount > self._size:
            return False
        self.taken += amount
        return True

    def give_back(self, amount: int) -> None:
        self.taken -= amount
