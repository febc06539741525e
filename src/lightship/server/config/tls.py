"""Reads the keys and certificates of the gRPC server from files."""

from __future__ import annotations

from pathlib import Path

from lightship import protos
from lightship.errors import InvalidArgument
from lightship.files import read_bytes
from lightship.server.config.files import read_config_file
from lightship.transports.grpc.options import Tls


def read_tls(certificate: Path, key: Path, client_ca: Path | None = None) -> Tls:
    """Reads the PEM files of a server.

    With `client_ca`, the server accepts only clients with a certificate that this authority issued.

    Raises the errors of `read_bytes`, and InvalidArgument for an empty file.
    """
    authority = _read(client_ca) if client_ca is not None else None
    return Tls(_read(key), _read(certificate), authority, client_ca is not None)


def _read(file: Path) -> bytes:
    content = read_bytes(file)
    if not content:
        raise InvalidArgument(f"{file} is empty: give a PEM file with a certificate or a key")
    return content


def read_ssl_config(path: str) -> Tls:
    """Reads a file with an SSLConfig, whose fields are in PEM format. Raises the errors of `read_config_file`."""
    config = read_config_file(path, protos.SSLConfig)
    authority = config.custom_ca.encode() or None
    return Tls(config.server_key.encode(), config.server_cert.encode(), authority, config.client_verify)
