"""Accepts connections on a listening socket: alone, or together with other processes that have the same socket.

Processes that share a socket have one queue of connections, so that a process that dies loses none that it had not
accepted. Each tells the others through shared memory how many connections it has. One that has more than another leaves
a new connection to that one for a moment, which spreads even a few long connections evenly.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from socket import socket
from typing import Any, Protocol

from lightship.transports.connections import Connections, Standing, Waits
from lightship.transports.sockets import BACKLOG, is_unix, readable

logger = logging.getLogger(__name__)

_NOBODY = -1  # the count of a process that does not accept connections
_NUMBER = 4  # bytes
_GIVE_WAY = 0.001  # seconds for which a connection is left to a process that has fewer
_VAIN = 20  # connections that may be left to the others in vain, one after the other; they may just be slow to wake
_BUSY = 0.05  # seconds for which none is left to them then, because they are busy
_TELL = 0.1  # seconds between two updates of the own count
_NO_FILES = 1.0  # seconds to wait when a connection cannot be accepted, because too many files are open


class Closable(Protocol):
    def close(self) -> None: ...


class ConnectionCounts:
    """The numbers of connections that each of several processes has, in memory that they share.

    places: the number of counts. fd: the memory, as `create` made it.
    """

    def __init__(self, fd: int, places: int) -> None:
        self._numbers = memoryview(mmap.mmap(fd, places * _NUMBER)).cast("i")

    @staticmethod
    def create(places: int) -> int:
        """Returns a file descriptor of new shared memory. The caller must close it."""
        if hasattr(os, "memfd_create"):
            fd: int = os.memfd_create("lightship-connections")
        else:
            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
        os.truncate(fd, places * _NUMBER)
        return fd

    def set(self, place: int, count: int) -> None:
        self._numbers[place] = count

    def clear(self, place: int) -> None:
        """Says that the process of this place accepts no connections."""
        self._numbers[place] = _NOBODY

    def least(self, places: range) -> int | None:
        """Returns the smallest of these counts, or None if no process accepts connections."""
        return min((count for place in places if (count := self._numbers[place]) != _NOBODY), default=None)


class Balance:
    """The count of one process beside those of the others that accept connections of the same kind.

    places: all of them. own: that of this process.
    """

    def __init__(self, counts: ConnectionCounts, places: range, own: int) -> None:
        self._counts, self._places, self._own = counts, places, own

    def tell(self, count: int) -> None:
        self._counts.set(self._own, count)

    def leave(self) -> None:
        self._counts.clear(self._own)

    def others_have_fewer(self, count: int) -> bool:
        """Returns whether another process has fewer connections than `count`, by more than an eighth."""
        least = self._counts.least(self._places)
        return least is not None and least + least // 8 < count


@dataclass(slots=True)
class Encryption:
    """How connections are encrypted."""

    # May be replaced. New connections have the new one, except on Windows.
    context: ssl.SSLContext
    # For a TLS handshake.
    seconds: float
    # The connections whose handshake is not complete. They may share their limit with those that are open.
    handshakes: Connections[Handshake] = field(default_factory=lambda: Connections[Handshake]())

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of asyncio's functions that open connections."""
        return {"ssl": self.context, "ssl_handshake_timeout": self.seconds}


class Handshake(asyncio.Protocol):
    """A connection until its TLS handshake is complete. Then it gets its protocol."""

    def __init__(self, connected: Callable[[], Any], encryption: Encryption, task: asyncio.Task[None]) -> None:
        """task: the one that waits for the handshake."""
        self._connected, self._handshakes, self._task = connected, encryption.handshakes, task
        self.begun_at = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handshakes.discard(self)
        protocol = self._connected()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    @property
    def standing(self) -> Standing:
        return Standing(Waits.HEAD, self.begun_at)

    def evict(self) -> bool:
        self._task.cancel()
        return True


async def accept_connections(
    connected: Callable[[], Any],
    listening: socket,
    connections: Sized,
    balance: Balance | None = None,
    encryption: Encryption | None = None,
) -> Closable:
    """Starts to accept connections on the running event loop. `close` of the result ends that.

    connected: makes the protocol of a new connection. connections: those that are open.
    """
    if balance is not None or (encryption is not None and sys.platform != "win32"):  # its event loop has no readers
        return _Acceptor(connected, listening, connections, balance, encryption)
    tls = {} if encryption is None else encryption.arguments
    loop = asyncio.get_running_loop()
    create: Any = loop.create_unix_server if is_unix(listening) else loop.create_server
    server: asyncio.Server = await create(connected, sock=listening, backlog=BACKLOG, **tls)
    return server


class _Acceptor:
    """Accepts connections on a socket that other processes may have too.

    asyncio's own servers know nothing of the others, and do not tell of a connection before its TLS handshake ends.
    """

    def __init__(
        self,
        connected: Callable[[], Any],
        listening: socket,
        connections: Sized,
        balance: Balance | None,
        encryption: Encryption | None,
    ) -> None:
        self._connected, self._listening, self._encryption = connected, listening, encryption
        self._connections, self._balance = connections, balance
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._left_alone = False  # the connection that waits was left to the others
        self._vain = 0  # how many were left to them in vain since they took one
        self._not_before = 0.0  # nothing is left to the others before this time of the loop's clock
        self._closed = False
        self._loop.add_reader(listening, self._on_connection)
        self._tell()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listening)
            if self._balance is not None:
                self._balance.leave()

    @property
    def _count(self) -> int:
        return len(self._connections) + len(self._opening)

    def _tell(self) -> None:
        if not self._closed and self._balance is not None:
            self._balance.tell(self._count)
            self._loop.call_later(_TELL, self._tell)

    def _on_connection(self) -> None:
        if self._leaves_it():
            self._pause(_GIVE_WAY)
            return
        try:
            accepted, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or the client has gone
        except OSError as error:
            logger.error("a connection cannot be accepted: %s", error.strerror)
            self._pause(_NO_FILES)
            return
        accepted.setblocking(False)
        task = self._loop.create_task(self._open(accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        if self._balance is not None:
            self._balance.tell(self._count)

    def _leaves_it(self) -> bool:
        """Returns whether another process shall have the connection that waits. Nothing is left to them twice."""
        if self._left_alone:
            self._left_alone = False
            self._vain += 1
            if self._vain >= _VAIN:
                self._vain = 0
                self._not_before = self._loop.time() + _BUSY
            return False
        balance = self._balance
        if balance is None or not balance.others_have_fewer(self._count) or self._loop.time() < self._not_before:
            self._vain = 0
            return False
        self._left_alone = True
        return True

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening)
        self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if self._closed:
            return
        if self._left_alone and not readable(self._listening):  # another process took it
            self._left_alone, self._vain = False, 0
        self._loop.add_reader(self._listening, self._on_connection)

    async def _open(self, accepted: socket) -> None:
        try:
            if self._encryption is None:
                await self._loop.connect_accepted_socket(self._connected, accepted)
            else:
                await self._encrypt(accepted, self._encryption)
        except OSError:  # the client has gone, or TLS failed
            accepted.close()

    async def _encrypt(self, accepted: socket, encryption: Encryption) -> None:
        task = asyncio.current_task()
        assert task is not None
        handshake = Handshake(self._connected, encryption, task)
        if not encryption.handshakes.add(handshake, handshake.begun_at):
            accepted.close()
            return
        try:
            await self._loop.connect_accepted_socket(lambda: handshake, accepted, **encryption.arguments)
        finally:
            encryption.handshakes.discard(handshake)
