"""Frees large documents in small steps.

Python frees a list with everything in it at once, and no other thread runs meanwhile. This takes a tenth of a second
for a million lists.
"""

from __future__ import annotations

from lightship.transports.rest.reading import extension
from lightship.transports.rest.reading.values import JsonValue

_LARGE = 64 << 10  # bytes of JSON


def dismantle(value: JsonValue, body: bytes) -> None:
    """Empties a value that was read from `body` and will not be used any more, if it is large.

    If it is an object, it keeps its members, which are emptied. Does nothing without the C extension.
    """
    if len(body) < _LARGE or extension.native is None:
        return
    for member in value.values() if isinstance(value, dict) else (value,):
        extension.native.dismantle(member)
