"""Short requests whose head came before, byte for byte: it is looked up instead of parsed again.

Most clients send the same request line and headers with each request. Such a request takes a tenth of the time then.
"""

from __future__ import annotations

from typing import NamedTuple

from lightship.memory_budget import MemoryBudget
from lightship.transports.http.limits import Limits
from lightship.transports.http.request_reader import RequestReader

_END = b"\r\n\r\n"
_MAX_HEADS = 256  # heads that are remembered, of a kilobyte each at most


class _Head(NamedTuple):
    method: str
    target: str
    # Shared by all requests with this head, which do not change it.
    headers: list[tuple[bytes, bytes]]
    # The bytes of the body.
    size: int


class KnownHeads:
    """The heads of requests that came in one piece and were valid. All connections of a server share them."""

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, _Head] = {}

    def read(self, data: bytes, limits: Limits, budget: MemoryBudget) -> RequestReader | None:
        """Returns the request that `data` is, or None if it is not exactly one request with a known head.

        The client must be about to begin a request.
        """
        end = data.find(_END) + len(_END)
        head = self._heads.get(data[:end])
        if head is None or len(data) - end != head.size:
            return None
        request = RequestReader(limits, budget)
        request.take(head.method, head.target, head.headers, data[end:])
        return request

    def learn(self, data: bytes, request: RequestReader) -> None:
        """Remembers the head of a request that was parsed from `data`, which is all of it and nothing else."""
        end = data.find(_END) + len(_END)
        whole = request.response is None and not request.has_id and request.size == request.declared == len(data) - end
        if not whole or not request.is_plain:
            return
        if len(self._heads) >= _MAX_HEADS:
            self._heads.clear()
        self._heads[data[:end]] = _Head(request.method, request.target, request.headers, request.declared)
