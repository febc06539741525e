"""The options of a client: timeout, retries, preprocessing, headers and TLS."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightship.client.preprocessing import ClientPreprocessing
from lightship.errors import InvalidArgument
from lightship.files import read_bytes

_NAME, _VALUE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r"[\t\x20-\x7e]*")  # of headers


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files. Raises InvalidArgument for a certificate without a key, and the other way round."""

    ca: str | os.PathLike[str] | None = None
    """The authorities to trust instead of the system's."""

    certificate: str | os.PathLike[str] | None = None
    """The client's own certificate, for a server that requires one."""

    key: str | os.PathLike[str] | None = None
    """The private key of the client's certificate."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InvalidArgument("only one of certificate and key is given: give both, or neither")

    def read(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """The contents of `ca`, `key` and `certificate`. Raises NotFound, PermissionDenied, InvalidArgument."""
        return _read(self.ca), _read(self.key), _read(self.certificate)


@dataclass(frozen=True, slots=True)
class Options:
    """The checked options, as RestCalls, GrpcCalls and the transports need them."""

    timeout: float | None
    """Seconds for all that one method does, retries included; None for no limit."""

    retries: int
    """How often a request is sent again at most."""

    preprocessing: ClientPreprocessing
    """For servers that take only tensors."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request; over gRPC as metadata."""

    tls: Tls | None = None
    """None: the system's authorities, and no certificate of the client."""

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout > 0:
            raise InvalidArgument(f"timeout is {self.timeout!r}; give seconds above 0, or None for no limit")
        if self.retries < 0:
            raise InvalidArgument(f"retries is {self.retries!r}; give 0 or more")
        for name, value in self.headers.items():
            texts = isinstance(name, str) and isinstance(value, str)
            if not texts or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise InvalidArgument(
                    f"the header {name!r} cannot be sent: give texts of printable ASCII, and a name without spaces, "
                    "such as X-Team"
                )


def _read(path: str | os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    data = read_bytes(path)
    if b"-----BEGIN" not in data:
        raise InvalidArgument(f"{path} is not a PEM file, because it does not contain -----BEGIN: give a PEM file")
    return data
