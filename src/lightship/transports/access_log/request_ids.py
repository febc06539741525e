"""Request ids: read from a request's headers, or made."""

from __future__ import annotations

import os
import re

_MAX_BYTES = 128
# Nothing that would need an escape in a header, in JSON or on a terminal.
_is_id = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._~:/+=@,-]*").fullmatch
# W3C Trace Context: version, trace id, parent id, flags. Later versions may add more.
_trace = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?").fullmatch
_NO_TRACE = b"0" * 32
_BATCH, _BYTES = 256, 16  # ids that are made at once, and the random bytes of each


class RequestIds:
    """Returns the id of each request. Must be used by one thread."""

    def __init__(self) -> None:
        self._made: list[str] = []

    def of(self, given: bytes | None, trace: bytes | None) -> str:
        """Returns the client's id: its `x-request-id`, or else the trace id of its `traceparent`.

        An id that is not valid, or has more than 128 bytes, is ignored. If none is left, a random one is made.
        """
        return read_id(given, trace) or self.make()

    def make(self) -> str:
        made = self._made
        if not made:
            text = os.urandom(_BATCH * _BYTES).hex()
            made += [text[start : start + 2 * _BYTES] for start in range(0, len(text), 2 * _BYTES)]
        return made.pop()


def read_id(given: bytes | None, trace: bytes | None) -> str:
    """Returns the client's id, or "" if there is no valid one."""
    if given is not None and len(given) <= _MAX_BYTES and _is_id(given):
        return given.decode("ascii")
    found = _trace(trace) if trace is not None and len(trace) <= _MAX_BYTES else None
    return "" if found is None or found[1] == _NO_TRACE else found[1].decode("ascii")
