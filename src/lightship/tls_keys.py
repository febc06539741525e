"""Loads a private key with its certificate into a context of `ssl`, without a question to the terminal."""

from __future__ import annotations

import os
import ssl

from lightship.errors import InvalidArgument


def load_key(
    context: ssl.SSLContext, certificate: str | os.PathLike[str], key: str | os.PathLike[str] | None = None
) -> None:
    """Loads PEM files. `key` may be left out if its file is that of the certificate.

    Raises InvalidArgument for an encrypted key: OpenSSL would ask for its passphrase on the terminal, and wait there.
    Raises the errors of `SSLContext.load_cert_chain` otherwise.
    """
    context.load_cert_chain(certificate, key, password=_refuse)


def _refuse() -> str:
    raise InvalidArgument(
        "the private key for TLS is encrypted: give one that is not, as `openssl pkey -in KEY -out NEW_KEY` writes it"
    )
