"""Carries a drawn connection out."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import Counter
from contextlib import suppress

from fuzz.answers import Wrong
from fuzz.case import Ending
from fuzz.frames.received import Received
from fuzz.frames.sessions import Session

PATIENCE = 75.0  # a client that has ended is left 60 s later at the latest, if no window lets its answers through
_SENDING = 10.0  # seconds for the server to take what is sent; it need not, while answers are not taken


def carry_out(port: int, session: Session) -> Counter[str]:
    """Sends what was drawn, and returns how streams and connection ended.

    Raises Wrong for what no server may send, and for a connection that stays when its client is finished.
    """
    received = Received()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client, suppress(ConnectionError):
        client.setblocking(False)
        _send(client, session, received)
        if session.ending is Ending.HALF_CLOSE:
            client.shutdown(socket.SHUT_WR)
            _read_to_the_end(client, received)
        elif session.ending is Ending.STALL:
            _stay(client, session, received)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return received.ends


def _send(client: socket.socket, session: Session, received: Received) -> None:
    end = time.monotonic() + _SENDING
    for packet in session.packets:
        rest = memoryview(packet)
        while rest and time.monotonic() < end:
            readable, writable, _ = select.select([client] if session.reads else [], [client], [], 1.0)
            if readable and not _read(client, received):
                return
            if writable:
                rest = rest[client.send(rest) :]


def _read(client: socket.socket, received: Received) -> bool:
    """Takes what has come. Returns False at the end."""
    data = client.recv(1 << 16)
    received.feed(data)
    return bool(data)


def _read_to_the_end(client: socket.socket, received: Received) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        readable, _, _ = select.select([client], [], [], 1.0)
        if readable and not _read(client, received):
            return
    raise Wrong("frames: the connection stays when its client has gone")


def _stay(client: socket.socket, session: Session, received: Received) -> None:
    end = time.monotonic() + session.seconds
    while (left := end - time.monotonic()) > 0:
        if not session.reads:
            time.sleep(left)
        elif select.select([client], [], [], left)[0] and not _read(client, received):
            return
