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
MADE_BYTES = 2 * _BYTES  # of an id that was made


class RequestIds:
    """Makes ids, each within the bytes that a transport sends it with. Must be used by one thread."""

    def __init__(self, before: bytes = b"", after: bytes = b"") -> None:
        """before, after: what stands around each id."""
        self._before, self._after = before, after
        self._made: list[bytes] = []

    def make(self) -> bytes:
        """Returns a random id of 32 hexadecimal digits, with what stands around it."""
        made = self._made
        if not made:
            self._make_more(made)
        return made.pop()

    def _make_more(self, made: list[bytes]) -> None:
        between = (self._after + self._before).decode("latin-1")
        text = os.urandom(_BATCH * _BYTES).hex("\n", _BYTES).replace("\n", between)
        whole = self._before + text.encode("latin-1") + self._after
        size = len(whole) // _BATCH
        made += [whole[start : start + size] for start in range(0, len(whole), size)]


def read_id(given: bytes | None, trace: bytes | None) -> bytes:
    """Returns the client's id: its `x-request-id`, or else the trace id of its `traceparent`.

    An id that is not valid, or has more than 128 bytes, is ignored. Returns b"" if none is left.
    """
    if given is not None and len(given) <= _MAX_BYTES and _is_id(given):
        return given
    found = _trace(trace) if trace is not None and len(trace) <= _MAX_BYTES else None
    return b"" if found is None or found[1] == _NO_TRACE else found[1]
