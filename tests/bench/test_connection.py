"""How a connection of the load ends."""

from __future__ import annotations

import socket
import time
from contextlib import closing

from lightship.bench.connection import Connection
from lightship.bench.endpoint import ConnectionFactory, Endpoint
from lightship.bench.exchange import CLOSED, REFUSED
from lightship.bench.poller import make_poller


def test_a_server_that_ends_before_it_accepts_the_connection_has_closed_it() -> None:
    ended: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    endpoint = Endpoint(socket.AF_INET, listener.getsockname(), [b""])
    with closing(make_poller()) as poller:
        connection = Connection(ConnectionFactory(endpoint), poller, lambda _, error, now: ended.append(error))
        for expected in (CLOSED, REFUSED):
            connection.begin(0, 0)
            listener.close()
            end = time.monotonic() + 60
            while not ended:
                assert time.monotonic() < end
                poller.wait(0.1)
            assert ended.pop() == expected
