"""What HTTP/1.1 and gRPC share: one request after the other on a connection, without its socket."""

from __future__ import annotations

from typing import Protocol

WRONG_ANSWER = "wrong answer"
TIMEOUT = "timeout"
REFUSED = "connection refused"
NOT_CONNECTED = "not connected"
CLOSED = "connection closed"


class InvalidResponse(Exception):
    """The server does not speak the protocol."""


class Exchange(Protocol):
    """One connection's protocol. A request is sent when the one before is answered."""

    ready: bool
    """Whether a request may be sent."""

    done: bool
    """Whether the request is answered."""

    error: str
    """What was wrong with the answer, such as "HTTP 503"; empty if nothing."""

    body: bytes
    """The answer, as JSON, a numpy file or a message of protobuf."""

    @property
    def reason(self) -> bytes:
        """What the server says about an error."""

    reusable: bool
    """Whether the connection may be used for a further request."""

    def opening(self) -> bytes:
        """Returns what a client sends first."""

    def begin(self, number: int) -> bytes:
        """Returns the bytes of a request. number: which of the prepared ones."""

    def receive(self, data: bytes) -> bytes:
        """Takes bytes from the server, and returns what must be sent now. Raises InvalidResponse."""

    def end(self) -> None:
        """The server has closed its side. It may be the end of the answer."""
