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
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size or _LENGTH.unpack(head)[0] > MAX_BYTES:
        return None
    size = _LENGTH.unpack(head)[0]
    body = stream.read(size)
    if len(body) < size:
        return None
    message: dict[str, Any] = json.loads(body)
    return message
