"""Published ports: `[ADDRESS:]HOST_PORT:CONTAINER_PORT`, as `docker run -p` takes them."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from lightship.errors import InvalidArgument

REST, GRPC = 8501, 8500  # inside the container
DEFAULT_PORTS = (REST, GRPC)


class Port(NamedTuple):
    """outside: on the host, 0 for a free one."""

    address: str
    outside: int
    inside: int

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.outside}:{self.inside}"

    @property
    def binding(self) -> tuple[str, int] | tuple[str]:
        """As the package `docker` takes it."""
        return (self.address, self.outside) if self.outside else (self.address,)


def parse_port(text: str, address: str) -> Port:
    """address: for a text that names none. Raises InvalidArgument."""
    rest, _, inside = text.removesuffix("/tcp").rpartition(":")
    own_address, _, outside = rest.rpartition(":")
    if not inside.isdecimal() or not outside.isdecimal() or not 1 <= int(inside) <= 65535 or int(outside) > 65535:
        raise InvalidArgument(
            f"-p {text!r} is no published port: give HOST_PORT:CONTAINER_PORT, such as {REST}:{REST}, 9000:{REST} "
            f"or 0:{REST} for a free one; {REST} is REST and {GRPC} is gRPC"
        )
    return Port(_checked_address(own_address.strip("[]") or address), int(outside), int(inside))


def _checked_address(address: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if address == "localhost" else address))
    except ValueError:
        raise InvalidArgument(
            f"{address!r} is no address to listen on: give 127.0.0.1 for this machine alone, 0.0.0.0 for all networks"
        ) from None
