"""The TLS options of commands that call a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from lightship.cli.options import Option

if TYPE_CHECKING:
    from lightship.client import Tls

Ca = Annotated[
    str | None,
    Option("--ca", envvar="LIGHTSHIP_CA", help="PEM file with the authority that signed the server's certificate."),
]
Certificate = Annotated[
    str | None,
    Option("--cert", envvar="LIGHTSHIP_CERT", help="PEM file with a certificate to show to the server."),
]
Key = Annotated[str | None, Option("--key", envvar="LIGHTSHIP_KEY", help="PEM file with the key of --cert.")]


def tls_of(ca: str | None, certificate: str | None, key: str | None) -> Tls | None:
    """Returns the TLS options, or None if none was given."""
    from lightship.client import Tls

    return Tls(ca, certificate, key) if ca or certificate or key else None
