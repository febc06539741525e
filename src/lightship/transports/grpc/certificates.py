"""Reads from when until when the certificates of TLS are valid. Python's `ssl` shows that only of a peer's."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from lightship.transports.grpc.options import Tls

# The labels of PEM that OpenSSL accepts for a certificate.
_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END (?:X509 |TRUSTED )?CERTIFICATE-----", re.DOTALL
)
# The tags of ASN.1.
_UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x17, 0x18, 0xA0

Use = Literal["server", "client_ca"]

_MAX_SOON = timedelta(days=14)
_SOON_SHARE = 6  # a certificate that is valid for six days expires soon on the last of them


class Validity(NamedTuple):
    """When a certificate is valid, in UTC."""

    begins: datetime
    ends: datetime

    def expires_soon(self, now: datetime) -> bool:
        """Returns whether it should have been renewed: less than 14 days, or a sixth of its time, are left."""
        return self.ends - now < min(_MAX_SOON, (self.ends - self.begins) / _SOON_SHARE)


def validities(pem: bytes) -> list[Validity]:
    """Returns the times of all certificates of a PEM file, in their order, except those that cannot be read."""
    found = []
    for block in _PEM.finditer(pem):
        with contextlib.suppress(ValueError, IndexError):
            found.append(_validity(base64.b64decode(block[1])))
    return found


def validities_of(tls: Tls) -> dict[Use, Validity]:
    """Returns when connections are possible, as far as it can be read.

    `server` is that certificate of the server's chain which expires first. `client_ca`, if clients need certificates,
    is the authority that expires last: a new one stands beside the old one until all clients have new certificates.
    """
    found: dict[Use, Validity] = {}
    if chain := validities(tls.certificate):
        found["server"] = min(chain, key=lambda one: one.ends)
    if tls.verify_clients and tls.client_ca and (authorities := validities(tls.client_ca)):
        found["client_ca"] = max(authorities, key=lambda one: one.ends)
    return found


def _validity(der: bytes) -> Validity:
    """Reads a certificate, as RFC 5280 (4.1) defines it. Raises ValueError or IndexError for anything else."""
    certificate, *_trust = _elements(der)
    signed, *_signature = _elements(certificate.content)
    fields = [one for one in _elements(signed.content) if one.tag != _VERSION]
    _serial, _algorithm, _issuer, validity, *_further = fields
    begins, ends = _elements(validity.content)
    return Validity(_time(begins), _time(ends))


class _Element(NamedTuple):
    tag: int
    content: bytes


def _elements(der: bytes) -> Iterator[_Element]:
    """Yields the elements that stand one after the other."""
    start = 0
    while start < len(der):
        tag, size, begin = der[start], der[start + 1], start + 2
        if size & 0x80:  # the low bits say how many bytes the size has
            begin += size & 0x7F
            size = int.from_bytes(der[start + 2 : begin])
        start = begin + size
        yield _Element(tag, der[begin:start])


def _time(element: _Element) -> datetime:
    text = element.content.decode("ascii")
    if element.tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    elif element.tag != _GENERALIZED_TIME:
        raise ValueError(f"the tag {element.tag:#x} is not that of a time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
