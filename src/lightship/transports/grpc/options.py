"""The options of the gRPC server."""

from __future__ import annotations

from dataclasses import dataclass

from lightship.errors import InvalidArgument
from lightship.transports.grpc.channel_arguments import ChannelArgument
from lightship.transports.grpc.context import HealthOf

_INT32 = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's TLS keys and certificates, in PEM format."""

    # The server's private key.
    key: bytes
    # The server's certificate.
    certificate: bytes
    # The certificates of the authorities that may issue clients' certificates.
    client_ca: bytes | None = None
    # Refuse clients without a certificate from one of these authorities.
    verify_clients: bool = False

    def __post_init__(self) -> None:
        if not self.key or not self.certificate:
            raise InvalidArgument("TLS needs both the key and the certificate of the server: give both")
        if self.verify_clients and not self.client_ca:
            raise InvalidArgument(
                "clients' certificates can be verified only against an authority: give the authority's certificate"
            )


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """The addresses, limits and features of the gRPC server."""

    # The path of a UNIX socket to listen on, in addition to the port. An existing socket is replaced.
    socket_path: str = ""
    # The keys for TLS. None means no encryption.
    tls: Tls | None = None
    # gRPC's channel arguments; see `channel_arguments` for those that have an effect.
    channel_arguments: tuple[ChannelArgument, ...] = ()
    # The number of requests of one kind that are answered on threads at the same time, over REST and gRPC together; see
    # `ServerOptions.threads`.
    runs: int = 0
    # Write the outputs of Predict as `tensor_content` instead of typed values.
    tensor_content: bool = False
    # What `grpc.health.v1` reports for the whole server; see `GrpcContext.health`.
    health: HealthOf = "models"
    # Offer gRPC reflection, which describes the services to clients.
    reflection: bool = False

    def __post_init__(self) -> None:
        if self.runs < 0:
            raise InvalidArgument(f"runs={self.runs}: give 0 or more")


def parse_channel_arguments(text: str) -> tuple[ChannelArgument, ...]:
    """Parses channel arguments of the form `name=value,name=value`. A value that is a 32-bit integer becomes an int.

    Raises InvalidArgument for a part without `=`.
    """
    return tuple(_channel_argument(part) for part in text.split(",") if part)


def _channel_argument(text: str) -> ChannelArgument:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidArgument(f'"{text}" is not a channel argument: give name=value')
    try:
        number = int(value)
    except ValueError:
        return name, value
    return name, number if number in _INT32 else value
