"""The memory that the JSON of a request takes when it is decoded."""

from __future__ import annotations

from lightship.transports.http.messages import Request
from lightship.transports.rest.reading.memory_estimate import estimate_memory

_SMALL = 4 << 10  # bytes; a body of this size is decoded at once and needs little memory
_MEDIUM = 16 << 10  # bytes; up to this size, the most that any JSON takes is little too, and is not worth estimating
_WORST = 160  # bytes for each byte of JSON: an empty object


def decoding_memory(request: Request) -> int:
    """Returns the bytes to reserve before a request's JSON is decoded."""
    size = len(request.body)
    if size > _MEDIUM:
        return estimate_memory(request.body)
    return _WORST * size if size > _SMALL else 0
