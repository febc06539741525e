"""Compresses large answers on a thread, so that other calls do not wait for it on the event loop."""

from __future__ import annotations

from lightship.memory_budget import Reservation
from lightship.transports.grpc.message_reader import deflate
from lightship.transports.grpc.responses import prefixed
from lightship.transports.http.executor import Overloaded
from lightship.transports.http.lanes import Origin

MAX_INLINE_BYTES = 16 << 10  # a shorter answer is compressed on the event loop, in less than a millisecond


class Compression:
    """A job for an executor that compresses a message. The call's memory stays counted until it has ended."""

    def __init__(self, body: bytes, encoding: str, memory: Reservation) -> None:
        self._body, self._encoding, self._memory = body, encoding, memory
        memory.begin_use()

    def run(self) -> bytes | None:
        """Returns the message with its prefix."""
        left = 0
        try:
            message = prefixed(deflate(self._body, self._encoding), compressed=True)
            left = len(message)
        finally:
            self._body = b""
            self._memory.end_use(left)
        return message

    def release(self) -> None:
        """Gives the job up."""
        self._body = b""
        self._memory.end_use(0)


def not_compressed(error: Overloaded, origin: Origin) -> bytes | None:
    """Called instead of `run` if there is too much work. The answer is then sent as it is, which is always allowed."""
    return None
