"""Keys and certificates of the gRPC server, read from files."""

from __future__ import annotations

from pathlib import Path

from lightship import protos
from lightship.errors import NotFound, PermissionDenied
from lightship.server.config.files import read_config_file
from lightship.transports.grpc.options import Tls


def read_tls(certificate: Path, key: Path, client_ca: Path | None = None) -> Tls:
    """From PEM files; with client_ca, only clients with a certificate of it are let in. Raises NotFound or
    PermissionDenied for one that cannot be read."""
    authority = _bytes(client_ca) if client_ca is not None else None
    return Tls(_bytes(key), _bytes(certificate), authority, client_ca is not None)


def read_ssl_config(path: str) -> Tls:
    """From a file with an SSLConfig, whose fields are PEM texts. Raises what `read_config_file` raises."""
    config = read_config_file(path, protos.SSLConfig)
    authority = config.custom_ca.encode() or None
    return Tls(config.server_key.encode(), config.server_cert.encode(), authority, config.client_verify)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError:
        raise PermissionDenied(f"{path} cannot be read: give this user the right to read it") from None
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from None
