"""The options of the gRPC server: who may connect, and what is handed on to gRPC's core."""

from __future__ import annotations

from dataclasses import dataclass

from lightship.errors import InvalidArgument
from lightship.transports.grpc.context import HealthOf

ChannelArgument = tuple[str, int | str]
_INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts. client_ca: the authorities of clients' certificates. verify_clients: whoever has no certificate of one
    of them is refused."""

    key: bytes
    certificate: bytes
    client_ca: bytes | None = None
    verify_clients: bool = False

    def __post_init__(self) -> None:
        if not self.key or not self.certificate:
            raise InvalidArgument("TLS needs both: the server's key and its certificate")
        if self.verify_clients and not self.client_ca:
            raise InvalidArgument(
                "clients' certificates can be verified only against an authority: give its certificate"
            )


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """socket_path: of a UNIX socket besides the port; one that is there already is replaced. runs: calls that run at
    once; 0 for two a core. tensor_content: outputs of predict are written there. health: overall, of all models, or
    SERVING as soon as a port is open; or no such service. reflection: clients may ask for the services' description.
    """

    socket_path: str = ""
    tls: Tls | None = None
    channel_arguments: tuple[ChannelArgument, ...] = ()
    runs: int = 0
    tensor_content: bool = False
    health: HealthOf = "models"
    reflection: bool = False

    def __post_init__(self) -> None:
        if self.runs < 0:
            raise InvalidArgument(f"runs={self.runs}: it must not be negative")


def parse_channel_arguments(text: str) -> tuple[ChannelArgument, ...]:
    """`name=value,name=value`; whole numbers of 32 bits become numbers. Raises InvalidArgument for one without `=`."""
    return tuple(_channel_argument(part) for part in text.split(",") if part)


def _channel_argument(text: str) -> ChannelArgument:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidArgument(f'"{text}" is no argument of a channel: give name=value')
    try:
        number = int(value)
    except ValueError:
        return name, value
    return name, number if number in _INT32 else value
