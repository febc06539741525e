"""The memory that the JSON of a request takes when it is decoded."""

from __future__ import annotations

from lightship.transports.http.messages import Request
from lightship.transports.rest.reading.memory_estimate import estimate_memory

_SMALL = 4 << 10  # bytes; a body of this size is decoded in no time and needs little memory


def decoding_memory(request: Request) -> int:
    """Returns the bytes to reserve before a request's JSON is decoded."""
    return estimate_memory(request.body) if len(request.body) > _SMALL else 0
