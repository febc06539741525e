"""Which of gRPC's channel arguments have an effect here, and what it is."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from lightship.transports.http2.options import Http2Limits, Http2Options, Http2Timeouts, PingPolicy

logger = logging.getLogger(__name__)

ChannelArgument = tuple[str, int | str]

_MAX_MESSAGE_BYTES = 2**31 - 1
_INT32_MAX = 2**31 - 1
_ALGORITHMS = ("identity", "deflate", "gzip")


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What the channel arguments say."""

    # The most bytes of a request message.
    max_receive: int = _MAX_MESSAGE_BYTES
    # The most bytes of a response message. None means no limit.
    max_send: int | None = None
    # The most bytes of a request's headers.
    max_metadata: int = 16 << 10
    # How responses are compressed, "gzip" or "deflate", if the client accepts it. Empty: not at all.
    compression: str = ""
    http2: Http2Options = field(default_factory=Http2Options)


def settings_of(arguments: Iterable[ChannelArgument]) -> ChannelSettings:
    """Returns what the arguments mean. Unknown ones, and values of the wrong type, have no effect but one warning."""
    known: dict[str, int] = {}
    unknown = []
    for name, value in arguments:
        if name in _KNOWN and isinstance(value, int):
            known[name] = value
        else:
            unknown.append(name)
    if unknown:
        logger.warning("channel arguments without effect: %s", ", ".join(unknown))
    settings = ChannelSettings()
    for name, value in known.items():
        settings = _KNOWN[name](settings, value)
    return _with_metadata(settings, known)


def known_arguments(arguments: Iterable[ChannelArgument]) -> tuple[ChannelArgument, ...]:
    """Returns the arguments that have an effect."""
    return tuple((name, value) for name, value in arguments if name in _KNOWN and isinstance(value, int))


def reuses_port(arguments: Iterable[ChannelArgument]) -> bool:
    """Returns whether the arguments let another process listen on the same port."""
    return bool(dict(known_arguments(arguments)).get("grpc.so_reuseport"))


def _with_metadata(settings: ChannelSettings, known: Mapping[str, int]) -> ChannelSettings:
    """Applies the two limits on metadata. gRPC may refuse above the lower one, and refuses above the higher one."""
    soft, hard = known.get("grpc.max_metadata_size"), known.get("grpc.absolute_max_metadata_size")
    if hard is None:
        hard = settings.max_metadata if soft is None else max(settings.max_metadata, soft * 5 // 4)
    hard = max(1, hard, soft or 0)
    limits = replace(settings.http2.limits, header_list=hard, header_block=max(64 << 10, hard))
    return replace(settings, max_metadata=hard, http2=replace(settings.http2, limits=limits))


def _timeout(name: str, *, zero: float | None = None) -> Callable[[ChannelSettings, int], ChannelSettings]:
    """Returns what sets a timeout, given in milliseconds. The greatest integer means none."""

    def apply(settings: ChannelSettings, value: int) -> ChannelSettings:
        seconds = math.inf if value >= _INT32_MAX else value / 1000
        if seconds <= 0:
            seconds = math.inf if zero is None else zero
        timeouts: Http2Timeouts = replace(settings.http2.timeouts, **{name: seconds})
        return replace(settings, http2=replace(settings.http2, timeouts=timeouts))

    return apply


def _limit(name: str) -> Callable[[ChannelSettings, int], ChannelSettings]:
    def apply(settings: ChannelSettings, value: int) -> ChannelSettings:
        limits: Http2Limits = replace(settings.http2.limits, **{name: max(1, value)})
        return replace(settings, http2=replace(settings.http2, limits=limits))

    return apply


def _pings(change: Callable[[PingPolicy, int], PingPolicy]) -> Callable[[ChannelSettings, int], ChannelSettings]:
    def apply(settings: ChannelSettings, value: int) -> ChannelSettings:
        return replace(settings, http2=replace(settings.http2, pings=change(settings.http2.pings, value)))

    return apply


def _strikes(policy: PingPolicy, value: int) -> PingPolicy:
    return replace(policy, strikes=value)


def _interval(policy: PingPolicy, value: int) -> PingPolicy:
    return replace(policy, interval=max(0, value) / 1000)


def _without_calls(policy: PingPolicy, value: int) -> PingPolicy:
    return replace(policy, without_calls=bool(value))


def _compression(settings: ChannelSettings, value: int) -> ChannelSettings:
    return replace(settings, compression=_ALGORITHMS[value] if value in (1, 2) else "")


def _window(settings: ChannelSettings, value: int) -> ChannelSettings:
    limits = replace(settings.http2.limits, stream_window=min(max(65535, value), _INT32_MAX))
    return replace(settings, http2=replace(settings.http2, limits=limits))


def _ignored(settings: ChannelSettings, _: int) -> ChannelSettings:
    return settings


_KNOWN: dict[str, Callable[[ChannelSettings, int], ChannelSettings]] = {
    "grpc.max_receive_message_length": lambda one, value: replace(
        one, max_receive=_MAX_MESSAGE_BYTES if value < 0 else value
    ),
    "grpc.max_send_message_length": lambda one, value: replace(one, max_send=None if value < 0 else value),
    "grpc.max_metadata_size": _ignored,  # see _with_metadata
    "grpc.absolute_max_metadata_size": _ignored,
    "grpc.max_concurrent_streams": _limit("streams"),
    "grpc.so_reuseport": _ignored,  # see reuses_port
    "grpc.default_compression_algorithm": _compression,
    "grpc.keepalive_time_ms": _timeout("keepalive"),
    "grpc.keepalive_timeout_ms": _timeout("keepalive_answer"),
    "grpc.keepalive_permit_without_calls": _pings(_without_calls),
    "grpc.http2.max_ping_strikes": _pings(_strikes),
    "grpc.http2.min_ping_interval_without_data_ms": _pings(_interval),
    "grpc.http2.min_recv_ping_interval_without_data_ms": _pings(_interval),
    "grpc.max_connection_idle_ms": _timeout("idle"),
    "grpc.max_connection_age_ms": _timeout("age"),
    "grpc.max_connection_age_grace_ms": _timeout("age_grace", zero=0.001),
    "grpc.server_handshake_timeout_ms": _timeout("head"),
    "grpc.http2.lookahead_bytes": _window,
}
