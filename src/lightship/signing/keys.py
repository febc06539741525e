"""Keys and certificates in PEM files, read to say early and clearly what is wrong with one."""

from __future__ import annotations

from pathlib import Path

from lightship.errors import InvalidArgument, ResourceExhausted
from lightship.files import read_error
from lightship.saved_model.version_files import open_file

_MAX_BYTES = 1 << 20
_PRIVATE, _PUBLIC, _CERTIFICATE = b"PRIVATE KEY-----", b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN CERTIFICATE-----"
MAKE_PRIVATE = "openssl ecparam -name prime256v1 -genkey -noout -out private.pem"
MAKE_PUBLIC = "openssl ec -in private.pem -pubout -out public.pem"


def check_private_key(path: Path) -> bool:
    """Returns whether a private key is encrypted.

    Raises InvalidArgument if the file has no private key in PEM, and NotFound or PermissionDenied if it cannot be read.
    """
    text = _read(path)
    if _PRIVATE not in text:
        kind = "a public key" if _PUBLIC in text else "a certificate" if _CERTIFICATE in text else "not a key in PEM"
        raise InvalidArgument(f"{path} is {kind}: sign with a private key; `{MAKE_PRIVATE}` makes one")
    return b"ENCRYPTED" in text


def is_certificate(path: Path) -> bool:
    """Returns whether the file that signatures are verified with has certificates; else it has a public key.

    Raises InvalidArgument if it has neither or a private key, and NotFound or PermissionDenied if it cannot be read.
    """
    text = _read(path)
    if _PRIVATE in text:
        raise InvalidArgument(
            f"{path} has a private key: servers verify with the public one, and the private one should not be "
            f"where they run; `{MAKE_PUBLIC}` writes it"
        )
    if _CERTIFICATE in text:
        return True
    if _PUBLIC in text:
        return False
    raise InvalidArgument(f"{path} is neither a public key nor a certificate in PEM: `{MAKE_PUBLIC}` writes a key")


def _read(path: Path) -> bytes:
    with open_file(path) as file:
        try:
            text = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise read_error(path, error) from error
    if len(text) > _MAX_BYTES:
        raise ResourceExhausted(f"{path} has more than {_MAX_BYTES:,} bytes: it is not a key or certificate in PEM")
    return text
