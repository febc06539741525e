"""Checks the certificates of a client before they are used: gRPC would only say that it cannot connect."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from lightship.client.options import Tls
from lightship.errors import InvalidArgument
from lightship.tls_keys import load_key


def check_certificates(tls: Tls) -> None:
    """Raises InvalidArgument for files that cannot be used or do not belong together."""
    with reports_unusable():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
        if tls.certificate is not None:
            load_key(context, tls.certificate, tls.key)


@contextmanager
def reports_unusable() -> Iterator[None]:
    """Raises InvalidArgument for what `ssl` raises in the block about files."""
    try:
        yield
    except (ssl.SSLError, OSError) as error:
        raise InvalidArgument(
            f"the certificates cannot be used: {error}; check that the files are valid and belong together"
        ) from error
