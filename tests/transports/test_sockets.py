"""The listening socket at the end: nobody who has connected is reset, and nobody else gets in."""

from __future__ import annotations

import socket
import sys

import pytest

from lightship.transports.sockets import listen, refuse_new_connections

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is closed here is Linux's gap")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_who_has_connected_is_served_and_others_are_refused(host: str) -> None:
    with listen(host, "auto") as listening:
        address = ("127.0.0.1", listening.getsockname()[1])
        with socket.create_connection(address) as early:
            refuse_new_connections(listening)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, timeout=60)
            accepted, _ = listening.accept()
            with accepted:
                early.sendall(b"request")
                assert accepted.recv(16) == b"request"
