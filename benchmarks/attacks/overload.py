"""More calls than a server can take: they come at a fixed rate, whether or not earlier ones were answered."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop
from benchmarks.attacks.exchange import NO_CONNECTION, TIMEOUT, ask
from benchmarks.attacks.payloads import numbers, post
from benchmarks.attacks.target import Address

CONNECTIONS = 8  # at once, at capacity
REFUSED = ("503", "429")
_MAX_CONNECTIONS = 4000
_TICK = 0.005  # seconds
_PATIENCE = 60.0  # seconds, after the last call was sent


@dataclass(slots=True)
class Calls:
    """Seconds by status. A call's time begins when it was due, also where the client was late."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    unsent: int = 0

    def add(self, status: str, seconds: float) -> None:
        self.seconds.setdefault(status, []).append(seconds)

    @property
    def answered(self) -> list[float]:
        return self.seconds.get("200", [])

    @property
    def refused(self) -> list[float]:
        return [seconds for status in REFUSED for seconds in self.seconds.get(status, [])]

    @property
    def statuses(self) -> Counter[str]:
        counted = Counter({status: len(seconds) for status, seconds in self.seconds.items()})
        return counted + Counter({"not sent": self.unsent})


@dataclass(frozen=True, slots=True)
class Result:
    """capacity: calls a second, of `CONNECTIONS` at once. offered: calls a second that came. recovery: seconds from the
    last call to an answer with 200 for a new client."""

    capacity: float
    at_capacity: Calls
    offered: float
    overloaded: Calls
    recovery: float

    def outcome(self) -> Counter[str]:
        return self.overloaded.statuses


def share(seconds: Sequence[float], part: float) -> float:
    """The time within which so many of the calls ended; NaN without calls."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) if seconds else float("nan")


def photo_request(address: Address) -> bytes:
    return post(address.photos, Path(address.photo).read_bytes(), "Content-Type: image/jpeg")


def numbers_request(address: Address, size: int = 1_200_000) -> bytes:
    """As a gzip, since a client can send ten times of what the server can read only if it is short."""
    body = numbers(size, address.width, digits=8, exponents=("",)).gzipped()
    return post(address.toy, body, "Content-Type: application/json", "Content-Encoding: gzip")


def overload(address: Address, request: bytes, seconds: float, factor: float = 10.0, warm: float = 3.0) -> Result:
    """Measures the capacity for `warm` seconds, and offers `factor` times of it for `seconds`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_closed_loop(address.port, request, CONNECTIONS, warm / 3))
        at_capacity = runner.run(_closed_loop(address.port, request, CONNECTIONS, warm))
        capacity = len(at_capacity.answered) / warm
        return runner.run(_overload(address.port, request, at_capacity, capacity, seconds, factor))


async def _overload(
    port: int, request: bytes, at_capacity: Calls, capacity: float, seconds: float, factor: float
) -> Result:
    pool = _Pool(port, request)
    sent = await pool.offer(factor * capacity, seconds)
    recovery = asyncio.create_task(_recovered(port, request))
    await pool.finish(_PATIENCE)
    return Result(capacity, at_capacity, sent / seconds, pool.calls, await recovery)


async def _recovered(port: int, request: bytes) -> float:
    begun = time.monotonic()
    while time.monotonic() < begun + _PATIENCE:
        answer = await asyncio.to_thread(ask, port, request, _PATIENCE)
        if answer.status == "200":
            break
    return time.monotonic() - begun


async def _closed_loop(port: int, request: bytes, connections: int, seconds: float) -> Calls:
    """So many clients, each of which sends a call as soon as the one before is answered."""
    pool = _Pool(port, request)
    end = time.monotonic() + seconds
    pool.again = lambda: time.monotonic() < end
    for _ in range(connections):
        pool.call(time.monotonic())
    await asyncio.sleep(seconds)
    await pool.finish(_PATIENCE)
    return pool.calls


class _Pool:
    """Connections that are kept for the next call, and as many more as calls wait for their answers."""

    def __init__(self, port: int, request: bytes) -> None:
        self.port, self.request, self.calls = port, request, Calls()
        self.again: Callable[[], bool] = lambda: False
        self.open: set[_Connection] = set()
        self.free: deque[_Connection] = deque()
        self.waiting = 0
        self._opening: set[asyncio.Task[None]] = set()

    async def offer(self, rate: float, seconds: float) -> int:
        """Calls at a fixed rate. Returns how many were sent."""
        begun, due = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while due < passed * rate:
                self.call(begun + due / rate)
                due += 1
            await asyncio.sleep(_TICK)
        return due - self.calls.unsent

    def call(self, due: float) -> None:
        if self.free:
            self.waiting += 1
            self.free.pop().send(due)
        elif self.waiting >= _MAX_CONNECTIONS:
            self.calls.unsent += 1
        else:
            self.waiting += 1
            opening = asyncio.ensure_future(self._open(due))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    async def _open(self, due: float) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: _Connection(self, due), "127.0.0.1", self.port)
        except OSError:
            self.ended(NO_CONNECTION, due)

    def ended(self, status: str, due: float) -> None:
        self.waiting -= 1
        self.calls.add(status, time.monotonic() - due)

    async def finish(self, patience: float) -> None:
        """Waits for the calls that were sent, and closes the connections."""
        end = time.monotonic() + patience
        while self.waiting and time.monotonic() < end:
            await asyncio.sleep(_TICK)
        for opening in list(self._opening):
            opening.cancel()
        for connection in list(self.open):
            connection.give_up()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._opening, return_exceptions=True)


class _Connection(asyncio.Protocol):
    def __init__(self, pool: _Pool, due: float) -> None:
        self._pool, self._due = pool, due
        self._received = bytearray()
        self._busy = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._pool.open.add(self)
        self._transport.write(self._pool.request)

    def send(self, due: float) -> None:
        self._due, self._busy = due, True
        self._transport.write(self._pool.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or not self._busy:
            return
        head = bytes(self._received[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._received) >= end + 4 + length:
            del self._received[: end + 4 + length]
            self._answered(head[9:12].decode(), b"connection: close" in head)

    def _answered(self, status: str, closes: bool) -> None:
        self._busy = False
        self._pool.ended(status, self._due)
        if closes:
            self._pool.open.discard(self)
            self._transport.close()
        elif self._pool.again():
            self._pool.waiting += 1
            self.send(time.monotonic())
        else:
            self._pool.free.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.open.discard(self)
        with contextlib.suppress(ValueError):
            self._pool.free.remove(self)
        if self._busy:
            self._busy = False
            self._pool.ended("closed", self._due)

    def give_up(self) -> None:
        if self._busy:
            self._busy = False
            self._pool.ended(TIMEOUT, self._due)
        self._transport.abort()
