"""Finds the model that a message asks without parsing it, to say whose turn a call takes."""

from __future__ import annotations

_FIRST = 0x0A  # the tag of the first field, of bytes: `model_spec` of a request, and `name` of a ModelSpec


def model_of(start: bytes) -> str:
    """Returns the name in the ModelSpec with which a message begins, or "" if it begins otherwise.

    Most clients send the fields in their order. A wrong name does no harm: a call then waits among those of another
    model. `start` are the first bytes of the message.
    """
    name = _content(start, _content(start, 0))
    if name < 0:
        return ""
    end = name + start[name - 1]  # of a name that is shorter than 128 bytes
    return start[name:end].decode("utf-8", "replace") if end <= len(start) else ""


def _content(data: bytes, position: int) -> int:
    """Returns where the content of the field at a position begins, or -1 if that is not the first field."""
    if not 0 <= position < len(data) or data[position] != _FIRST:
        return -1
    position += 1
    while position < len(data) and data[position] & 0x80:
        position += 1
    return position + 1 if position < len(data) else -1
