"""Checks the Host header, so that a web page cannot reach a local server by a name of its own (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_MAX_ACCEPTED = 256  # values of the header that are remembered


class AllowedHosts:
    """The names by which clients may ask for this server, with any port. `*` allows all names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {_normal(name) for name in names}
        # Values of the header that are allowed and came before: a look at them is enough for most requests.
        self.accepted: set[bytes | None] = set()

    def allows(self, value: bytes) -> bool:
        """Returns whether the value of a Host header is allowed. An empty one is, because it names nobody."""
        if value in self.accepted:
            return True
        allowed = "*" in self._names or not value.strip() or name_of(value) in self._names
        if allowed and len(self.accepted) < _MAX_ACCEPTED:
            self.accepted.add(value)
        return allowed


def is_loopback(address: str) -> bool:
    """Returns whether an address, such as `127.0.0.1` or `::1`, can be reached from this machine only."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:  # the path of a UNIX socket
        return False


def authority_of(url: bytes) -> bytes:
    """Returns `host:port` of an absolute URL such as `http://host:port/path`, or b"" for a path."""
    if url.startswith(b"/") or b"://" not in url:
        return b""
    rest = url.partition(b"://")[2]
    for end in (b"/", b"?", b"#"):
        rest = rest.partition(end)[0]
    return rest.rpartition(b"@")[2]


def name_of(value: bytes) -> str:
    """Returns the name in `name:port`, `name`, `[address]:port` or `[address]`."""
    text = value.decode("latin-1").strip()
    name, colon, port = text.rpartition(":")
    return _normal(name if colon and (port.isdecimal() or not port) and not text.endswith("]") else text)


def _normal(name: str) -> str:
    name = name.strip().lower().removesuffix(".")
    return f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name
