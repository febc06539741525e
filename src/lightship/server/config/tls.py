"""Reads the keys and certificates of the gRPC server from files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from lightship import protos
from lightship.errors import InvalidArgument
from lightship.files import read_bytes
from lightship.server.config.expiry import CertificateWarnings
from lightship.server.config.files import ConfigFilePoll, read_config_file
from lightship.transports.grpc.options import Tls

logger = logging.getLogger(__name__)

_POLL_SECONDS = 60.0
_WRITTEN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of a server."""

    certificate: Path
    key: Path
    # The authority of the clients' certificates, if clients need one.
    client_ca: Path | None = None

    def read(self) -> Tls:
        """Raises the errors of `read_tls`."""
        return read_tls(self.certificate, self.key, self.client_ca)

    def __str__(self) -> str:
        return ", ".join(str(one) for one in (self.certificate, self.key, self.client_ca) if one is not None)


@dataclass(frozen=True, slots=True)
class SslConfigFile:
    """A file with an SSLConfig."""

    path: str

    def read(self) -> Tls:
        """Raises the errors of `read_ssl_config`, and InvalidArgument if the file has no keys."""
        return read_ssl_config(self.path)

    def __str__(self) -> str:
        return self.path


def poll_tls(files: TlsFiles | SslConfigFile, used: Tls | None, renew: Callable[[Tls], None]) -> ConfigFilePoll[Tls]:
    """Returns what reads the files each minute once it is started, and gives keys that have changed to `renew`.

    Each time it also warns of certificates that expire soon. used: the keys that are used now.
    """
    warnings = CertificateWarnings(str(files))

    def read(_: str, __: Collection[str]) -> Tls | None:
        if used is not None:
            warnings.check(used)
        return read_changed(files, used)

    def apply(tls: Tls) -> None:
        nonlocal used
        renew(tls)
        used = tls
        logger.info("new gRPC connections use the changed TLS keys of %s", files)
        warnings.check(tls)

    return ConfigFilePoll(f"the TLS configuration ({files})", _POLL_SECONDS, apply, tuple, read)


def read_changed(files: TlsFiles | SslConfigFile, used: Tls | None) -> Tls | None:
    """Returns the keys if they are not those that are used; None if they are. Raises the errors of `files.read`.

    Changed files are read until they stay the same for a second, so that none is taken while it is being written: with
    `client_verify` still missing, an SSLConfig would let in every client.
    """
    found = files.read()
    before = used
    while found not in (used, before):
        before = found
        time.sleep(_WRITTEN_SECONDS)
        found = files.read()
    return None if found == used else found


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
