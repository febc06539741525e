"""What a server and its helper processes say to each other: JSON objects, each behind its length."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTH = struct.Struct("<I")
MAX_BYTES = 64 << 20


def write_message(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Raises ValueError for a message beyond `MAX_BYTES`, OSError where nobody reads any more."""
    body = json.dumps(message).encode()
    if len(body) > MAX_BYTES:
        raise ValueError(f"a message of {len(body)} bytes; {MAX_BYTES} are the most")
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message; None where the other side has gone, or says something else."""
    received = bytearray()
    try:
        while (wanted := missing(received)) > 0:
            more = stream.read(wanted)
            if not more:
                return None
            received += more
        return parse(received)
    except ValueError:
        return None


def missing(received: bytes | bytearray) -> int:
    """How many bytes at least are still to come of a message. Raises ValueError where it is beyond `MAX_BYTES`."""
    if len(received) < _LENGTH.size:
        return _LENGTH.size - len(received)
    size = _LENGTH.unpack_from(received)[0]
    if size > MAX_BYTES:
        raise ValueError(f"a message of {size} bytes; {MAX_BYTES} are the most")
    return int(_LENGTH.size + size - len(received))


def parse(received: bytes | bytearray) -> dict[str, Any]:
    """A whole message. Raises ValueError for what is not a JSON object."""
    message = json.loads(received[_LENGTH.size :])
    if not isinstance(message, dict):
        raise ValueError("a message that is not a JSON object")
    return message
