"""What sends requests: each transport has a class for threads and one for an event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from lightship.client.flow import Outcome, Send

T = TypeVar("T")


class Transport(Protocol):
    """Sends requests and waits for the responses. Returns failures instead of raising them."""

    def send(self, send: Send) -> Outcome: ...

    def close(self) -> None: ...


class AsyncTransport(Protocol):
    """A `Transport` to await, and what a client needs of the event loop that it runs on."""

    async def send(self, send: Send) -> Outcome: ...

    async def close(self) -> None: ...

    async def sleep(self, seconds: float) -> None: ...

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T: ...

    async def run_copies(self, function: Callable[[], Coroutine[Any, Any, None]], count: int) -> None: ...
