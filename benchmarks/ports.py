"""Ports that are chosen before a server opens them."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below those that Linux gives to whoever asks for any port: one of these would soon be another's.
_PORTS = range(10_000, 32_768)
_random = random.SystemRandom()  # a seed that several processes share must not lead them to the same port


def free_port() -> int:
    """Returns a port that nobody listens on."""
    while True:
        with suppress(OSError), socket.create_server(("", _random.choice(_PORTS))) as opened:
            return int(opened.getsockname()[1])
