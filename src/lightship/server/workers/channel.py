"""Requests and answers between two processes, over a pair of connected sockets.

A message is its length in four bytes and a JSON object. It either asks (`kind`, `body`, and `id` if an answer is
expected) or answers (`reply`, and `body` or `error`). File descriptors can go with a message.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any, NamedTuple

from lightship.errors import Internal, LightshipError, ResourceExhausted
from lightship.server.workers.values import decode_error, encode_error
from lightship.threads import start_thread

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 << 20
_SEND_SECONDS = 30  # for the other process to take a message
_MAX_HANDLED = 256  # messages that are answered on threads at the same time
_MAX_FDS = 16
_PIECE = 1 << 16
_LENGTH = struct.Struct("!I")


class ChannelClosed(Exception):
    """The other process has ended, or one of the two has closed the channel."""


class Received(NamedTuple):
    """A message that asks something."""

    body: Any
    # The file descriptors that came with it. The handler owns them.
    fds: list[int]


class Handler(NamedTuple):
    """Answers messages of one kind. It returns the body of the answer, or raises a LightshipError."""

    answer: Callable[[Received], Any]
    # Whether it may take long and needs a thread. Others are called in the order of the messages.
    slow: bool = False


class Channel:
    """One end. Any thread may send; a thread of its own receives, from `start` until the channel is closed.

    handlers: answer the messages of the other process, by their kinds. on_close: is called once, on the thread that
    receives, when the channel has been closed by either side.
    """

    def __init__(
        self, connection: socket.socket, handlers: Mapping[str, Handler], on_close: Callable[[], None]
    ) -> None:
        self._connection, self._handlers, self._on_close = connection, handlers, on_close
        self._sending, self._state = threading.Lock(), threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._numbers = count(1)
        self._handled = threading.Semaphore(_MAX_HANDLED)
        self._closed = False
        self._fds: deque[int] = deque()
        connection.setblocking(True)
        timeout = struct.pack("ll", _SEND_SECONDS, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)

    def start(self) -> None:
        """Starts to receive. Raises OSError if the system allows no further thread."""
        if not start_thread(self._receive, name="lightship-channel"):
            raise OSError(errno.EAGAIN, "the system allows no further thread")

    def ask(self, kind: str, body: Any = None, fds: Sequence[int] = ()) -> Future[Any]:
        """Sends a message and returns a future of the answer.

        The future raises the error of the handler, or ChannelClosed if there will be no answer.
        """
        future: Future[Any] = Future()
        with self._state:
            number = next(self._numbers)
            if self._closed:
                future.set_exception(ChannelClosed())
                return future
            self._waiting[number] = future
        try:
            self._send({"kind": kind, "id": number, "body": body}, fds)
        except (ChannelClosed, LightshipError) as error:
            self._settle(number, error)
        return future

    def tell(self, kind: str, body: Any = None) -> None:
        """Sends a message that needs no answer. Does nothing if the channel is closed."""
        with contextlib.suppress(ChannelClosed):
            self._send({"kind": kind, "body": body})

    def close(self) -> None:
        """Closes the channel. The other process sees the end of its stream."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _send(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        text = json.dumps(message | {"fds": len(fds)} if fds else message).encode()
        if len(text) > MAX_MESSAGE_BYTES:
            raise ResourceExhausted(f"a message between two processes of this server would have {len(text)} bytes")
        data = _LENGTH.pack(len(text)) + text
        try:
            with self._sending:
                sent = _send_with_files(self._connection, data, fds) if fds else 0
                self._connection.sendall(data[sent:])
        except OSError as error:  # also if the other process takes nothing for a long time
            self.close()
            raise ChannelClosed from error

    def _receive(self) -> None:
        received = bytearray()
        try:
            while piece := self._read():
                received += piece
                while (end := _end_of_message(received)) is not None:
                    message = json.loads(received[_LENGTH.size : end])
                    del received[:end]
                    self._take(message)
        except OSError:
            pass
        except Exception:
            logger.exception("a message between two processes of this server cannot be read")
        finally:
            self._end()

    def _read(self) -> bytes:
        data, fds = _receive_with_files(self._connection)
        for fd in fds:
            os.set_inheritable(fd, False)
        self._fds.extend(fds)
        return data

    def _take(self, message: dict[str, Any]) -> None:
        if "reply" in message:
            error = message.get("error")
            self._settle(message["reply"], message.get("body") if error is None else decode_error(error))
            return
        handler = self._handlers[message["kind"]]
        received = Received(message.get("body"), [self._fds.popleft() for _ in range(message.get("fds", 0))])
        if not handler.slow:
            self._answer(handler, received, message.get("id"))
        elif not self._starts(handler, received, message.get("id")):
            self._reply(
                message.get("id"), ResourceExhausted("too many requests between two processes; try again later")
            )

    def _starts(self, handler: Handler, received: Received, number: int | None) -> bool:
        """Answers a message on a thread. Returns False if there are too many threads."""
        if not self._handled.acquire(blocking=False):
            return False
        if start_thread(self._answer_slowly, handler, received, number, name="lightship-asked"):
            return True
        self._handled.release()
        return False

    def _answer_slowly(self, handler: Handler, received: Received, number: int | None) -> None:
        try:
            self._answer(handler, received, number)
        finally:
            self._handled.release()

    def _answer(self, handler: Handler, received: Received, number: int | None) -> None:
        try:
            result = handler.answer(received)
        except LightshipError as error:
            result = error
        except Exception as error:
            logger.exception("a request of another process of this server failed")
            result = Internal(f"{type(error).__name__}: {error}")
        self._reply(number, result)

    def _reply(self, number: int | None, result: Any) -> None:
        if number is None:
            return
        outcome = {"error": encode_error(result)} if isinstance(result, LightshipError) else {"body": result}
        with contextlib.suppress(ChannelClosed):
            try:
                self._send({"reply": number} | outcome)
            except ResourceExhausted as error:
                self._send({"reply": number, "error": encode_error(error)})

    def _settle(self, number: int, result: Any) -> None:
        with self._state:
            future = self._waiting.pop(number, None)
        if future is None:
            return
        if isinstance(result, LightshipError | ChannelClosed):
            future.set_exception(result)
        else:
            future.set_result(result)

    def _end(self) -> None:
        with self._state:
            self._closed = True
            waiting = list(self._waiting)
        for number in waiting:
            self._settle(number, ChannelClosed())
        for fd in self._fds:
            os.close(fd)
        self.close()
        self._connection.close()
        self._on_close()


def _send_with_files(connection: socket.socket, data: bytes, fds: Sequence[int]) -> int:
    """Sends a part of the data, and file descriptors with it. Returns the size of that part."""
    if sys.platform == "win32":
        raise OSError(errno.ENOTSUP, "Windows sends no files over sockets")
    return socket.send_fds(connection, [data], fds)


def _receive_with_files(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Receives a part of the data, and the file descriptors that came with it."""
    if sys.platform == "win32":
        return connection.recv(_PIECE), []
    data, fds, _, _ = socket.recv_fds(connection, _PIECE, _MAX_FDS)
    return data, fds


def _end_of_message(received: bytearray) -> int | None:
    """Returns where the first message ends, or None if it is not complete. Raises ValueError if it is too long."""
    if len(received) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(received)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes")
    end: int = _LENGTH.size + length
    return end if len(received) >= end else None
