"""What the command and its processes of load say to each other.

Orders are JSON with bytes beside it; reports are lines of JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO


def write_message(file: BinaryIO, fields: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Writes a message and flushes it. Raises OSError."""
    head = json.dumps({**fields, "blobs": [len(one) for one in blobs]}).encode()
    file.write(struct.pack(">I", len(head)) + head)
    for one in blobs:
        file.write(one)
    file.flush()


def read_message(file: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Returns a message, or None at the end of the file."""
    size = file.read(4)
    if len(size) < 4:
        return None
    fields = json.loads(file.read(struct.unpack(">I", size)[0]))
    return fields, [file.read(length) for length in fields.pop("blobs")]
