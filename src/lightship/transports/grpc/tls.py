"""TLS for the event loop."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from lightship.errors import InvalidArgument
from lightship.tls_keys import load_key
from lightship.transports.grpc.options import Tls

# For TLS 1.2, those that RFC 9113 does not prohibit. TLS 1.3 has its own.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(tls: Tls) -> ssl.SSLContext:
    """Returns a context that offers HTTP/2 by ALPN. Raises InvalidArgument for invalid keys and certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["h2"])
    try:
        with tempfile.TemporaryDirectory() as folder:  # ssl reads keys from files only; this one is its owner's
            file = Path(folder, "keys.pem")
            file.write_bytes(tls.key.rstrip() + b"\n" + tls.certificate)
            load_key(context, file)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidArgument(
            f"the TLS keys cannot be used ({error}); check that the key and the certificate are PEM and belong together"
        ) from error
    if tls.client_ca is not None and tls.verify_clients:
        try:
            context.load_verify_locations(cadata=tls.client_ca.decode("latin-1"))
        except (ssl.SSLError, ValueError) as error:
            raise InvalidArgument(
                f"the authority of the clients' certificates cannot be used ({error}); check that it is PEM"
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context
