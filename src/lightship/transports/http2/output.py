"""The sending side of a connection: what is written together, and what waits for windows and for the client."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from lightship.transports.http2.frames import (
    DATA,
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    END_HEADERS,
    HEADERS,
    MAX_WINDOW,
    ConnectionFault,
    ErrorCode,
    write_head,
)

if TYPE_CHECKING:
    from lightship.transports.http2.stream import Block, Stream

_PART = 64 << 10  # bytes of bodies that are joined and written at once
_EMPTY_TABLE = b"\x20"  # in a header block: the dynamic table has 0 bytes from now on


class Output:
    """Frames that are to be written, and the client's windows.

    `window` is what the client takes on the whole connection, `stream_window` on a new stream. `writable` is False
    while the transport holds much that the client has not taken.
    """

    __slots__ = (
        *("_due", "_frames", "_max_frame", "_ready", "_reset_table", "closed", "stream_window", "transport", "window"),
        *("progress", "writable"),
    )

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.window = self.stream_window = DEFAULT_WINDOW
        self.writable = True
        self.closed = False
        self.progress = False  # part of a body was sent or received since the connection last cleared this
        self._frames: list[bytes | memoryview] = []
        self._ready: deque[Stream] = deque()  # streams that have something to send and a window for it
        self._max_frame = DEFAULT_FRAME_SIZE
        self._reset_table = False  # the next header block must say that our dynamic table is empty
        self._due = False

    def write(self, data: bytes) -> None:
        """Adds bytes that are written at the next `flush`."""
        self._frames.append(data)

    def write_block(self, number: int, block: Block, *, last: bool) -> None:
        """Adds a HEADERS frame. `last`: it ends the stream."""
        if self._reset_table:
            self._reset_table = False
            flags = END_HEADERS | last
            start = write_head((len(block.data) + 1) << 8 | HEADERS, flags, number) + _EMPTY_TABLE
            self._frames += (start, block.data)
        else:
            self._frames.append((block.last if last else block.start) + number.to_bytes(4, "big") + block.data)

    def write_answer(self, stream: Stream, head: Block, body: bytes, trailers: Block) -> bool:
        """Adds all frames of an answer if they may be written at once. Otherwise adds nothing and returns False."""
        size = len(body)
        if (
            size > DEFAULT_FRAME_SIZE
            or size > stream.send_window
            or size > self.window
            or not self.writable
            or self._reset_table
        ):
            return False
        self.window -= size
        number = stream.id.to_bytes(4, "big")
        self._frames += (
            *(head.start, number, head.data),
            *(write_head(size << 8 | DATA, 0, stream.id), body),
            *(trailers.last, number, trailers.data),
        )
        return True

    def resume(self, stream: Stream) -> None:
        """Lets a stream send if it has something to send and a window for it."""
        if stream.pending and not stream.ready and stream.send_window > 0:
            stream.ready = True
            self._ready.append(stream)

    def flush(self) -> None:
        """Writes what was added, and what streams can send now."""
        if self.closed:
            self._frames.clear()
            self._ready.clear()
            return
        self._write_frames()
        while self._ready and self.writable and self.window > 0:
            written = 0
            while self._ready and written < _PART and self.window > 0:
                written += self._send_part(self._ready.popleft())
            self._write_frames()

    def flush_soon(self) -> None:
        """Flushes once when the event loop turns."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._flush_now)

    def apply_settings(self, max_frame: int | None, *, smaller_table: bool) -> None:
        """Takes the client's settings. `smaller_table`: it has made the dynamic table smaller than we assume."""
        if max_frame is not None:
            self._max_frame = min(max_frame, _PART)
        if smaller_table:
            self._reset_table = True

    def grow_window(self, increment: int) -> None:
        """Grows the connection's window. Raises ConnectionFault if it would become too large, or does not grow."""
        self.window += increment
        if not increment:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the connection's window grows by 0 bytes")
        if self.window > MAX_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window exceeds 2^31-1 bytes")

    def _flush_now(self) -> None:
        self._due = False
        self.flush()

    def _write_frames(self) -> None:
        frames = self._frames
        if frames:
            if not self.transport.is_closing():
                self.transport.write(b"".join(frames))
            frames.clear()

    def _send_part(self, stream: Stream) -> int:
        """Sends one DATA frame of a stream, and its end if it was the last. Returns the frame's bytes."""
        stream.ready = False
        size = min(self._max_frame, stream.send_window, self.window)
        if not stream.pending or size <= 0:
            return 0
        part = stream.pending[0]
        if len(part) > size:
            part, stream.pending[0] = part[:size], part[size:]
        else:
            stream.pending.popleft()
            size = len(part)
        self.progress = True
        stream.send_window -= size
        stream.pending_bytes -= size
        self.window -= size
        self._frames += (write_head(size << 8 | DATA, 0, stream.id), part)
        if stream.pending:
            self.resume(stream)
        elif stream.trailers is not None:
            stream.end()
        return size
