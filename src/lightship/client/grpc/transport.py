"""Sends requests over gRPC channels. Failures are returned as `GrpcFailure`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import grpc
import grpc.aio

from lightship import __version__
from lightship.client.flow import Outcome, Send
from lightship.client.grpc.exchange import GrpcFailure
from lightship.client.hints import HINT
from lightship.client.options import Options
from lightship.client.tls import check_certificates
from lightship.errors import Code, InvalidArgument

T = TypeVar("T")

_NAME, _VALUE = re.compile(r"[0-9a-z_.-]+"), re.compile(r"[\x20-\x7e]*")
_MAX_PUSHBACK_DIGITS = 10  # gRPC takes at most 2^31 - 1 milliseconds
_CHANNEL: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.primary_user_agent", f"lightship/{__version__}"),
    ("grpc.use_local_subchannel_pool", 1),  # clients do not share connections
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5000),  # how long connecting may take
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.keepalive_time_ms", 310_000),  # servers close connections with a ping more often than every five minutes
    ("grpc.keepalive_timeout_ms", 20_000),
]


class GrpcTransport:
    def __init__(self, url: str, options: Options) -> None:
        self._metadata = _metadata(options)
        target, credentials = _target(url), _credentials(url, options)
        if credentials is None:
            self._channel = grpc.insecure_channel(target, _CHANNEL)
        else:
            self._channel = grpc.secure_channel(target, credentials, _CHANNEL)

    def send(self, send: Send) -> Outcome:
        method: Any = self._channel.unary_unary(send.request.method)
        try:
            return method(send.request.body, timeout=send.deadline.left(), metadata=self._metadata)
        except grpc.RpcError as error:
            return _failure(error)
        except ValueError as error:  # closed by another thread
            return GrpcFailure(Code.CANCELLED, f"the client is closed: {error}")

    def close(self) -> None:
        self._channel.close()


class AsyncGrpcTransport:
    """For asyncio only, because grpcio has no other event loop.

    A channel belongs to the event loop of its first call. After that loop is closed, the next loop gets a new channel.
    """

    def __init__(self, url: str, options: Options) -> None:
        self._metadata = _metadata(options)
        self._target, self._credentials = _target(url), _credentials(url, options)
        self._channel: grpc.aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def send(self, send: Send) -> Outcome:
        channel = self._channel_of_this_loop()
        if isinstance(channel, GrpcFailure):
            return channel
        method: Any = channel.unary_unary(send.request.method)
        try:
            return await method(send.request.body, timeout=send.deadline.left(), metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            return _failure(error)
        except grpc.aio.UsageError as error:
            return GrpcFailure(Code.CANCELLED, f"the client is closed: {error}")

    async def close(self) -> None:
        self._closed = True
        if self._channel is not None and self._loop is asyncio.get_running_loop():
            await self._channel.close()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.to_thread(function, *arguments)

    async def run_copies(self, function: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Runs as many calls at the same time. `function` raises nothing but cancellation."""
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(function())

    def _channel_of_this_loop(self) -> grpc.aio.Channel | GrpcFailure:
        loop = asyncio.get_running_loop()
        if self._closed:
            return GrpcFailure(Code.CANCELLED, "the client is closed: make a new one")
        if self._channel is None or self._loop is None or self._loop.is_closed():
            self._channel, self._loop = self._open_channel(), loop
        elif self._loop is not loop:
            return GrpcFailure(
                Code.FAILED_PRECONDITION,
                "another running event loop uses this AsyncClient: make one for each loop",
            )
        return self._channel

    def _open_channel(self) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._target, _CHANNEL)
        return grpc.aio.secure_channel(self._target, self._credentials, _CHANNEL)


def _target(url: str) -> str:
    """`unix:/path` for `grpc+unix:///path`, else host and port."""
    scheme, _, rest = url.partition("://")
    return f"unix:{rest}" if scheme == "grpc+unix" else rest


def _credentials(url: str, options: Options) -> grpc.ChannelCredentials | None:
    if not url.startswith("grpcs:"):
        return None
    if options.tls is None:
        return grpc.ssl_channel_credentials()
    ca, key, certificate = options.tls.read()
    check_certificates(options.tls)
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _metadata(options: Options) -> tuple[tuple[str, str], ...]:
    """The headers as gRPC metadata. Raises InvalidArgument with the name of a header that gRPC cannot send."""
    pairs = tuple((name.lower(), value) for name, value in options.headers.items())
    for name, value in pairs:
        if not _NAME.fullmatch(name) or name.startswith("grpc-") or not _VALUE.fullmatch(value):
            raise InvalidArgument(
                f"the header {name!r} cannot be sent: use letters, digits, -, _ and . in names, do not start with "
                "grpc-, and use printable ASCII in values"
            )
    return pairs


def _failure(error: Any) -> GrpcFailure:
    trailers = error.trailing_metadata() or ()
    hint = str(dict(trailers).get(HINT, ""))
    return GrpcFailure(Code(error.code().value[0]), error.details() or "", hint, _pushback(trailers))


def _pushback(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    """The seconds of the trailer with which a server that is busy allows a retry; a negative number forbids it."""
    text = next((value for name, value in trailers if name == "grpc-retry-pushback-ms"), "")
    if not isinstance(text, str) or not text.isdecimal() or len(text) > _MAX_PUSHBACK_DIGITS:
        return None
    return int(text) / 1000
