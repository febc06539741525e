"""Published ports: `[ADDRESS:]HOST_PORT:CONTAINER_PORT`, as `docker run -p` takes them."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from lightship.errors import InvalidArgument

REST, GRPC = 8501, 8500  # inside the container
DEFAULT_PORTS = (REST, GRPC)


class Port(NamedTuple):
    """A port of a container that is published on the host."""

    address: str
    """Of the host, as numbers."""

    outside: int
    """The port on the host; 0 for any free one."""

    inside: int
    """The port in the container."""

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.outside}:{self.inside}"

    @property
    def binding(self) -> tuple[str, int] | tuple[str]:
        """The form that the package `docker` takes."""
        return (self.address, self.outside) if self.outside else (self.address,)


def parse_port(text: str, address: str) -> Port:
    """Reads a published port. address: the default for a text without an address. Raises InvalidArgument."""
    rest, _, inside = text.removesuffix("/tcp").rpartition(":")
    own_address, _, outside = rest.rpartition(":")
    if not inside.isdecimal() or not outside.isdecimal() or not 1 <= int(inside) <= 65535 or int(outside) > 65535:
        raise InvalidArgument(
            f"-p {text!r} is not a published port: give HOST_PORT:CONTAINER_PORT, such as {REST}:{REST}, 9000:{REST} "
            f"or 0:{REST} for a free one; {REST} is REST and {GRPC} is gRPC"
        )
    return Port(_checked_address(own_address.strip("[]") or address), int(outside), int(inside))


def _checked_address(address: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if address == "localhost" else address))
    except ValueError:
        raise InvalidArgument(
            f"{address!r} is not an IP address: give 127.0.0.1 for this machine only, 0.0.0.0 for all networks"
        ) from None
