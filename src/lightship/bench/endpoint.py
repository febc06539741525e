"""Where requests go, and how a process of load sends them: the prepared requests with the answers to expect."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lightship.bench.answers import AnswerCheck
from lightship.bench.exchange import Exchange
from lightship.bench.grpc_exchange import GrpcExchange, HeaderBlocks
from lightship.bench.http_exchange import HttpExchange, KnownResponses
from lightship.tls_keys import load_key


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files, as in `lightship.client.Tls`, and the name that the server's certificate must have."""

    name: str
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def context(self, protocol: str) -> ssl.SSLContext:
        """Raises OSError for files that cannot be read or used, and InvalidArgument for an encrypted key."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            load_key(context, self.certificate, self.key)
        context.set_alpn_protocols([protocol])
        return context


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server, and the requests to send it."""

    family: int
    """Of the socket, such as `socket.AF_INET`."""

    address: tuple[str, int] | str
    """The numeric host and the port, or the path of a Unix socket."""

    requests: Sequence[bytes] = field(repr=False)
    """Over HTTP whole requests; over gRPC messages with their prefixes."""

    headers: Sequence[tuple[str, str]] | None = field(default=None, repr=False)
    """Of each gRPC call; None for HTTP/1.1."""

    expected: Sequence[bytes] = field(default=(), repr=False)
    """The right answer to each request; none if answers cannot be compared."""

    tls: TlsFiles | None = None

    def connections(self) -> ConnectionFactory:
        return ConnectionFactory(self)

    def to_fields(self) -> tuple[dict[str, Any], list[bytes]]:
        """Returns the endpoint as JSON and the bytes beside it. The reverse is `from_fields`."""
        tls = self.tls
        fields = {
            "family": int(self.family),
            "address": self.address,
            "headers": self.headers,
            "requests": len(self.requests),
            "tls": None if tls is None else [tls.name, tls.ca, tls.certificate, tls.key],
        }
        return fields, [*self.requests, *self.expected]

    @classmethod
    def from_fields(cls, fields: dict[str, Any], blobs: Sequence[bytes]) -> Endpoint:
        address, headers, count = fields["address"], fields["headers"], fields["requests"]
        return cls(
            fields["family"],
            address if isinstance(address, str) else (address[0], address[1]),
            blobs[:count],
            None if headers is None else [(name, value) for name, value in headers],
            blobs[count:],
            None if fields["tls"] is None else TlsFiles(*fields["tls"]),
        )


class ConnectionFactory:
    """Makes the sockets and exchanges of an endpoint, with what its connections share."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.count = len(endpoint.requests)
        self._check = AnswerCheck(endpoint.expected)
        self._known, self._blocks = KnownResponses(self.count), HeaderBlocks()
        self._tls = endpoint.tls.context(self._protocol) if endpoint.tls is not None else None

    @property
    def _protocol(self) -> str:
        return "http/1.1" if self.endpoint.headers is None else "h2"

    def exchange(self) -> Exchange:
        endpoint = self.endpoint
        if endpoint.headers is None:
            return HttpExchange(endpoint.requests, self._check, self._known)
        return GrpcExchange(endpoint.headers, endpoint.requests, self._check, self._blocks)

    def open_socket(self) -> socket.socket:
        """Returns a socket that is not connected and does not block."""
        made = socket.socket(self.endpoint.family, socket.SOCK_STREAM)
        made.setblocking(False)
        if isinstance(self.endpoint.address, tuple):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def secured(self, plain: socket.socket) -> socket.socket:
        """Returns a connected socket with TLS if the server wants it, before its handshake."""
        if self._tls is None or self.endpoint.tls is None:
            return plain
        return self._tls.wrap_socket(plain, server_hostname=self.endpoint.tls.name, do_handshake_on_connect=False)
