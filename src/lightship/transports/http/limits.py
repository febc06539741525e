"""How much a client may send, how much of it is held at once, and how long a connection waits for its client."""

from __future__ import annotations

from dataclasses import dataclass, fields

from lightship.errors import InvalidArgument

SMALL = 64 << 10  # bytes; a body of this size costs no more than its connection


@dataclass(frozen=True, slots=True)
class Limits:
    """Raises InvalidArgument for a limit below 1."""

    # Bytes of a body that is an image.
    image: int = 64 << 20
    # Bytes of any other body.
    json: int = 1 << 30
    # Bytes of all bodies together that are being read or worked on. One body is always accepted.
    held: int = 1 << 30
    # Bytes of the request line and the headers of a request, and of its trailers.
    head: int = 64 << 10
    # Complete requests of one connection that wait behind the one that is being answered. A connection that sends more
    # is closed after these are answered.
    pipelined: int = 1000

    def __post_init__(self) -> None:
        _check_positive(self, "limits")

    @property
    def least(self) -> int:
        """A body of this size is within the limit, whatever its type."""
        return min(self.image, self.json)

    def of(self, content_type: str) -> int:
        return self.image if content_type.lower().startswith("image/") else self.json


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds, kept to a tenth of a second. Raises InvalidArgument for one that is not more than 0."""

    # For the request line and the headers, from their first byte or from the beginning of the connection.
    head: float = 30.0
    # For the next bytes of a body.
    body: float = 60.0
    # For a client to take 64 KiB, or half, of what is left of a response.
    write: float = 60.0
    # For the next request of a connection. Load balancers keep a connection for 60 seconds, so this is longer.
    idle: float = 75.0
    # For which a refused body is still read and dropped, so that the client can read the response.
    linger: float = 2.0

    def __post_init__(self) -> None:
        _check_positive(self, "timeouts")


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


def _check_positive(options: Limits | Timeouts, name: str) -> None:
    for field in fields(options):
        value = getattr(options, field.name)
        if not value > 0:
            raise InvalidArgument(f"{name}.{field.name}={value:g}: give a number that is more than 0")
