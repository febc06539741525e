"""The server and the model that are measured: where they are, and what the model takes."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lightship.bench.endpoint import TlsFiles
from lightship.client import Client, Tls
from lightship.client.address import Address, parse_address, speaks_grpc, without_password
from lightship.client.results import ModelMetadata
from lightship.errors import InvalidArgument, NotFound, Unavailable, Unimplemented

_PORTS = {"http": 80, "https": 443, "grpcs": 8500, "grpc": 8500}


@dataclass(frozen=True, slots=True)
class Served:
    """A model on a server that answers."""

    address: Address
    model: str
    metadata: ModelMetadata
    family: int
    socket_address: tuple[str, int] | str
    tls: TlsFiles | None

    @property
    def grpc(self) -> bool:
        return speaks_grpc(self.address.base)

    @property
    def name(self) -> str:
        """The model's address, for people."""
        which = f"/versions/{self.address.version}" if self.address.version is not None else ""
        which = f"/labels/{self.address.label}" if self.address.label else which
        path = f"/{self.model}" if self.grpc else f"/v1/models/{self.model}"
        return f"{without_password(self.address.base)}{path}{which}"

    @property
    def authority(self) -> str:
        """The host and the port as the address gives them; for a Unix socket localhost."""
        return urlsplit(self.address.base).netloc.rpartition("@")[2] or "localhost"

    @property
    def credentials(self) -> str | None:
        """User and password of an HTTP address, as `user:password`."""
        given = urlsplit(self.address.base).netloc.rpartition("@")[0]
        return unquote(given) if given else None


def find_served(url: str, timeout: float, tls: Tls | None) -> Served:
    """Asks a server what the model takes.

    Raises InvalidArgument for an address that names no model of a server with several, Unavailable if nothing answers,
    and the errors of `Client.metadata`.
    """
    address = parse_address(url)
    with Client(address.base, timeout=timeout, tls=tls, retries=0) as client:
        model = address.model or _only_model(client, address)
        metadata = client.metadata(model, version=address.version, label=address.label)
    family, where = _connectable(address, timeout)
    return Served(address, model, metadata, family, where, _tls_files(address, tls))


def _only_model(client: Client, address: Address) -> str:
    example = f"{without_password(address.base)}{'' if speaks_grpc(address.base) else '/v1/models'}/NAME"
    try:
        names = [one.name for one in client.models()]
    except (NotFound, Unimplemented, InvalidArgument) as error:  # TensorFlow Serving has no list of its models
        raise InvalidArgument(f"{client.url} does not list its models: name one, {example}") from error
    if len(names) != 1:
        found = f"serves {', '.join(names)}" if names else "serves no model"
        raise InvalidArgument(f"{client.url} {found}: name the one to measure, {example}")
    return names[0]


def _connectable(address: Address, timeout: float) -> tuple[int, tuple[str, int] | str]:
    """Returns the family and the address of a socket that connects."""
    parts = urlsplit(address.base)
    if parts.scheme == "grpc+unix":
        if sys.platform == "win32":
            raise InvalidArgument(f"{address.base}: this system has no UNIX sockets: give a grpc:// address")
        return socket.AF_UNIX, parts.path
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    error: OSError | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as unknown:
        raise Unavailable(f"{host} is not a known host: {unknown.strerror or unknown}") from unknown
    for family, kind, protocol, _, where in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.settimeout(timeout)
            try:
                probe.connect(where)
            except OSError as failure:
                error = failure
                continue
            return family, (str(where[0]), int(where[1]))
    raise Unavailable(f"{without_password(address.base)} cannot be reached: {error}") from error


def _tls_files(address: Address, tls: Tls | None) -> TlsFiles | None:
    parts = urlsplit(address.base)
    if parts.scheme not in ("https", "grpcs"):
        return None
    files = [None if one is None else str(one) for one in ((tls.ca, tls.certificate, tls.key) if tls else (None,) * 3)]
    return TlsFiles(parts.hostname or "", *files)
