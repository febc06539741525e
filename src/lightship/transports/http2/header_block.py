"""A header block that comes in several frames, within its limits and the memory budget."""

from __future__ import annotations

from lightship.errors import LightshipError
from lightship.memory_budget import MemoryBudget
from lightship.transports.http2.frames import ConnectionFault, ErrorCode
from lightship.transports.http2.options import Http2Limits


class HeaderBlock:
    """Collects the HEADERS frame of a stream and the CONTINUATION frames that follow. Must be released."""

    __slots__ = ("_data", "_frames", "_limits", "_memory", "flags", "number")

    def __init__(self, number: int, flags: int, first: bytes, limits: Http2Limits, budget: MemoryBudget) -> None:
        """`number` is the stream, and `flags` are those of the HEADERS frame. Raises the errors of `add`."""
        self.number, self.flags = number, flags
        self._limits, self._memory = limits, budget.reservation()
        self._data, self._frames = bytearray(), 0
        self.add(first)

    def add(self, part: bytes) -> None:
        """Adds the block's part in one frame. Raises ConnectionFault if there is too much, or no memory for it."""
        self._data += part
        self._frames += 1
        if len(self._data) > self._limits.header_block or self._frames > self._limits.header_frames:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the headers of a request are too large")
        try:
            self._memory.keep(len(self._data))
        except LightshipError as error:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "no memory is free for headers; try again") from error

    def complete(self) -> bytes:
        """Returns the block and releases it."""
        block = bytes(self._data)
        self.release()
        return block

    def release(self) -> None:
        self._data = bytearray()
        self._memory.release()
