"""The interface between HTTP/2 connections and the application that answers their streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lightship.memory_budget import MemoryBudget

if TYPE_CHECKING:
    from lightship.transports.http2.connection import Http2Connection
    from lightship.transports.http2.frames import ErrorCode
    from lightship.transports.http2.headers import RequestHead
    from lightship.transports.http2.stream import Stream


class Handler(Protocol):
    """Receives what the client sends on one stream. Its methods are called on the event loop only."""

    def on_data(self, data: bytes, ended: bool) -> None:
        """Takes the next bytes of the body. `ended`: nothing more follows."""

    def on_stalled(self, *, crowded: bool = False) -> None:
        """Called when the body has begun and no more of it came within the timeout.

        `crowded` says that it is called for another reason: hardly any more of the body came within a second, and
        other requests need the memory that it holds.
        """

    def on_closed(self) -> None:
        """Called when the client has reset the stream, or the connection was lost. The stream takes nothing more."""


class Application(Protocol):
    """Answers streams. Its methods are called on the event loop only."""

    # The memory that all requests may hold together.
    @property
    def budget(self) -> MemoryBudget: ...

    def open(self, stream: Stream, ended: bool) -> Handler:
        """Returns the handler of a new stream, whose headers are in `stream.head`. `ended`: there is no body."""

    def on_refused(self, connection: Http2Connection, head: RequestHead, code: ErrorCode) -> None:
        """Called when a request is refused before a stream is opened for it."""


class _NoHandler:
    """The handler of a stream that has ended."""

    def on_data(self, data: bytes, ended: bool) -> None: ...

    def on_stalled(self, *, crowded: bool = False) -> None: ...

    def on_closed(self) -> None: ...


NO_HANDLER: Handler = _NoHandler()
