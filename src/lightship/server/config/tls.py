"""Keys and certificates of the gRPC server, read from files."""

from __future__ import annotations

from pathlib import Path

from lightship import protos
from lightship.files import read_bytes
from lightship.server.config.files import read_config_file
from lightship.transports.grpc.options import Tls


def read_tls(certificate: Path, key: Path, client_ca: Path | None = None) -> Tls:
    """From PEM files; with client_ca, only clients with a certificate of it are let in. Raises what `read_bytes`
    raises."""
    authority = read_bytes(client_ca) if client_ca is not None else None
    return Tls(read_bytes(key), read_bytes(certificate), authority, client_ca is not None)


def read_ssl_config(path: str) -> Tls:
    """From a file with an SSLConfig, whose fields are PEM texts. Raises what `read_config_file` raises."""
    config = read_config_file(path, protos.SSLConfig)
    authority = config.custom_ca.encode() or None
    return Tls(config.server_key.encode(), config.server_cert.encode(), authority, config.client_verify)
