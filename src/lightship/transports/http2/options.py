"""The options of HTTP/2 connections: limits and timeouts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

from lightship.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Http2Limits:
    """What one client may do on a connection. Raises InvalidArgument for a limit below 1.

    A connection that exceeds a limit per second ends with GOAWAY(ENHANCE_YOUR_CALM).
    """

    # The most streams that are open at the same time.
    streams: int = 1000
    # The most bytes of a request's headers after decompression; as in RFC 9113, each header counts 32 bytes more.
    header_list: int = 16 << 10
    # The most bytes of a compressed header block, over all its frames.
    header_block: int = 64 << 10
    # The most frames of a header block.
    header_frames: int = 16
    # Bytes that a client may send on a new stream before the server has to allow more.
    stream_window: int = 4 << 20
    # Streams that the client resets, per second.
    resets: int = 2000
    # PING frames per second that are not followed by an answer of the server.
    pings: int = 200
    # SETTINGS frames per second.
    settings: int = 50
    # WINDOW_UPDATE frames per second.
    window_updates: int = 20_000
    # Frames per second that change nothing: empty, unknown, or for streams that have ended.
    idle_frames: int = 2000
    # Bytes of compressed headers per second that have not been seen before.
    header_bytes: int = 4 << 20

    def __post_init__(self) -> None:
        _check_positive(self, "limits")


@dataclass(frozen=True, slots=True)
class Http2Timeouts:
    """The timeouts of a connection in seconds, accurate to about a second.

    Raises InvalidArgument for a timeout that is not positive.
    """

    # For the client's preface and settings, the TLS handshake included, and for the rest of a header block.
    head: float = 30.0
    # For the next bytes of a message that has begun.
    body: float = 60.0
    # For a client to receive 64 KiB of an answer, or half of the rest if that is less.
    write: float = 60.0
    # After which time without any frame from the client the server sends a PING.
    keepalive: float = 7200.0
    # For the client to answer that PING.
    keepalive_answer: float = 20.0
    # After which time without a stream a connection is closed.
    idle: float = math.inf
    # After which time a connection is asked to end. About 10 % are added or subtracted at random, so that clients that
    # came together do not all return together.
    age: float = math.inf
    # For the calls of a connection that was asked to end because of its age.
    age_grace: float = math.inf
    # For what `head`, `body` and `write` are for, and for a request to begin, if that is less, while the server drains.
    drain_stall: float = 5.0

    @property
    def while_draining(self) -> Http2Timeouts:
        most = self.drain_stall
        return replace(self, head=min(self.head, most), body=min(self.body, most), write=min(self.write, most))

    def __post_init__(self) -> None:
        _check_positive(self, "timeouts")


@dataclass(frozen=True, slots=True)
class PingPolicy:
    """How often a client may send PING, as in gRPC."""

    # The number of pings in a row that may come too early. The count starts again at each answer of the server.
    # Negative or 0: any number.
    strikes: int = 2
    # The seconds between two pings.
    interval: float = 300.0
    # Whether the same interval is enough while the client has no call; otherwise two hours are needed.
    without_calls: bool = False


@dataclass(frozen=True, slots=True)
class Http2Options:
    """What all connections of a server have in common."""

    limits: Http2Limits = field(default_factory=Http2Limits)
    timeouts: Http2Timeouts = field(default_factory=Http2Timeouts)
    pings: PingPolicy = field(default_factory=PingPolicy)


def _check_positive(options: Http2Limits | Http2Timeouts, name: str) -> None:
    for one in fields(options):
        value = getattr(options, one.name)
        if not value > 0:
            raise InvalidArgument(f"{name}.{one.name}={value:g}: give a number that is more than 0")
