"""Accepts HTTP/2 connections on an event loop, and ends them without losing a request."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from socket import socket

from lightship.transports.accepting import Balance, Closable, Encryption, accept_connections
from lightship.transports.connections import Connections
from lightship.transports.http2.application import Application
from lightship.transports.http2.connection import Http2Connection
from lightship.transports.http2.options import Http2Options
from lightship.transports.periodic import HaltNoticed, PeriodicCalls
from lightship.transports.sockets import is_unix, readable, refuse_new_connections
from lightship.transports.stalled import Holder, StalledClients

_TICK = 0.25  # seconds between two checks of the deadlines of all connections
_HANDSHAKE = 0.1  # seconds for a client to complete a handshake that has begun
_LOOK = 0.01  # seconds between two checks while the server stops
_MAX_HANDSHAKE = 3600.0  # seconds of a TLS handshake


class Http2Server:
    """Serves an application on listening sockets. Its methods must be called on the event loop.

    `connections` are those that are open.
    """

    def __init__(
        self,
        application: Application,
        listening: Sequence[socket],
        options: Http2Options | None = None,
        encryption: ssl.SSLContext | None = None,
        connections: Connections[Http2Connection] | None = None,
        balance: Balance | None = None,
    ) -> None:
        """`connections` may limit how many are open. `balance`: shares the sockets with other processes."""
        self._application = application
        self._listening = listening
        self._options = options or Http2Options()
        self._balance = balance
        self._accepting: list[Closable] = []
        self._ticking: asyncio.Task[None] | None = None
        self.connections = Connections[Http2Connection]() if connections is None else connections
        self._encryption: Encryption | None = None
        if encryption is not None:
            self._encryption = Encryption(encryption, min(_MAX_HANDSHAKE, self._options.timeouts.head))
            self.connections.share_limit(self._encryption.handshakes)

    async def start(self) -> None:
        """Starts to accept connections."""
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            accepting = await accept_connections(
                self._connection, listening, self.connections, self._balance, self._encryption
            )
            self._accepting.append(accepting)
        self._ticking = loop.create_task(self._tick())

    def renew_encryption(self, context: ssl.SSLContext) -> None:
        """Encrypts new connections with another context. May be called on any thread."""
        assert self._encryption is not None
        self._encryption.context = context

    async def drain(self, end: float) -> None:
        """Stops accepting connections and takes no new streams. Returns when all connections have ended, or at `end`.

        `end` is a time of `time.monotonic`.
        """
        for listening in self._listening:
            if not is_unix(listening):
                refuse_new_connections(listening)
        for connection in self.connections:
            connection.end_soon()
        await asyncio.sleep(_HANDSHAKE)  # handshakes that have begun complete, and the loop accepts their connections
        await _until(lambda: not any(map(readable, self._listening)), end)
        await asyncio.sleep(_LOOK)
        for accepting in self._accepting:
            accepting.close()
        for listening in self._listening:
            listening.close()
        await _until(self._all_ended, end)

    async def abort(self) -> None:
        """Cuts off all connections that are left."""
        for connection in self.connections:
            connection.transport.abort()
        await _until(lambda: not len(self.connections), time.monotonic() + 1)
        if self._ticking is not None:
            self._ticking.cancel()

    def _connection(self) -> Http2Connection:
        return Http2Connection(self._application, self._options, self.connections)

    def _all_ended(self) -> bool:
        for connection in self.connections:  # those that came during the drain too
            connection.end_soon()
        return not len(self.connections)

    async def _tick(self) -> None:
        stalled, calls = StalledClients(self._application.budget), PeriodicCalls("a check of the connections")
        halt = HaltNoticed(time.monotonic())
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            if halt.halted(now):
                continue
            calls.call(stalled.look, self._holders(), now)
            for connection in self.connections:
                calls.call(connection.check, now)

    def _holders(self) -> Iterator[Holder]:
        for connection in self.connections:
            yield connection
            yield from list(connection.streams.values())


async def _until(condition: Callable[[], bool], end: float) -> None:
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(_LOOK)
