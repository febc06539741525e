"""Receives the rest of a large body straight into its buffer, mostly without the interpreter's lock."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lightship.errors import LightshipError
from lightship.transports.http.request_parser import RequestParser

DIRECT = 128 << 10  # bytes of a body that must have come, and be missing, before it is received this way
_DROPPED = 64 << 10  # bytes of a refused body that are received at a time


class Connection(Protocol):
    """The connection whose bytes are received."""

    def receive_parsed(self) -> None:
        """Lets further bytes be parsed, because all of the body has come."""

    def eof_received(self) -> bool: ...

    def connection_lost(self, exc: Exception | None) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


class BodyReceiver(asyncio.BufferedProtocol):
    """The protocol of a connection for as long as it receives the body of `parser.reading`, whose length is declared.

    The parser sees none of these bytes. A body that is refused meanwhile is received and dropped.
    """

    def __init__(self, connection: Connection, parser: RequestParser) -> None:
        assert parser.reading is not None
        self._connection, self._parser = connection, parser
        self._left = parser.reading.declared - parser.reading.size
        self._into_body = False  # whether the buffer that was given away last is a part of the body
        self.eof_received = connection.eof_received  # type: ignore[method-assign]
        self.connection_lost = connection.connection_lost  # type: ignore[method-assign]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:
        """Returns the place of the next bytes of the body. It is made larger when the bytes before have come."""
        reading = self._parser.reading
        self._into_body = False
        if reading is not None and reading.response is None:
            try:
                room = reading.room()
                self._into_body = True
                return room
            except LightshipError as error:
                self._parser.refuse(error)
        return memoryview(bytearray(min(self._left, _DROPPED)))

    def buffer_updated(self, nbytes: int) -> None:
        self._left -= nbytes
        if not self._left:
            self._connection.receive_parsed()
        self._parser.body_received(nbytes if self._into_body else 0, ended=not self._left)
