"""What a client is told once, for all its calls."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightship.client.recipe import Recipe
from lightship.errors import InvalidArgument
from lightship.files import read_bytes


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. `ca`: who signs servers, instead of the system's authorities. `certificate` and `key`: the client's
    own, for a server that asks for them; both or neither."""

    ca: str | os.PathLike[str] | None = None
    certificate: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InvalidArgument("a client's certificate and its key are given together, or neither")

    def read(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """`ca`, `key` and `certificate` as bytes. Raises NotFound, PermissionDenied, InvalidArgument."""
        return _read(self.ca), _read(self.key), _read(self.certificate)


@dataclass(frozen=True, slots=True)
class Options:
    """timeout: seconds for all that one method does; None: no end."""

    timeout: float | None
    retries: int
    recipe: Recipe
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: Tls | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout > 0:
            raise InvalidArgument(f"timeout is {self.timeout!r}; it is a number of seconds above 0, or None for no end")
        if self.retries < 0:
            raise InvalidArgument(f"retries is {self.retries!r}; it is 0 or more")


def _read(path: str | os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    data = read_bytes(path)
    if b"-----BEGIN" not in data:
        raise InvalidArgument(f"{path} is no PEM file: nothing in it begins with -----BEGIN")
    return data
