"""Messages between a server and its helper processes: JSON objects, each preceded by its length."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTH = struct.Struct("<I")
MAX_MESSAGE_BYTES = 64 << 20
STANDARD_OUTPUT = 1  # the file descriptor of answers where a process can inherit no other


def write_message(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Writes a message.

    Raises ValueError above `MAX_MESSAGE_BYTES`, and OSError if the reader has closed the connection.
    """
    body = json.dumps(message).encode()
    if len(body) > MAX_MESSAGE_BYTES:
        raise ValueError(f"the message has {len(body)} bytes; the limit is {MAX_MESSAGE_BYTES}")
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """Reads the next message. Returns None if the other process has ended or the message is invalid."""
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
    """Returns the least number of bytes that are still missing from a message.

    Raises ValueError if the message is larger than `MAX_MESSAGE_BYTES`.
    """
    if len(received) < _LENGTH.size:
        return _LENGTH.size - len(received)
    size = _LENGTH.unpack_from(received)[0]
    if size > MAX_MESSAGE_BYTES:
        raise ValueError(f"the message has {size} bytes; the limit is {MAX_MESSAGE_BYTES}")
    return int(_LENGTH.size + size - len(received))


def parse(received: bytes | bytearray) -> dict[str, Any]:
    """Parses a complete message. Raises ValueError if it is not a JSON object."""
    message = json.loads(received[_LENGTH.size :])
    if not isinstance(message, dict):
        raise ValueError("the message is not a JSON object")
    return message
