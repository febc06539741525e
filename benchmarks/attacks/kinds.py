"""The attacks, one for each way in which a small request may make others wait or take all memory."""

from __future__ import annotations

import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.attacks import payloads
from benchmarks.attacks.exchange import ask, connect
from benchmarks.attacks.grpc_kinds import GRPC_ATTACKS
from benchmarks.attacks.overload import overload, photo_request
from benchmarks.attacks.payloads import MEGABYTE
from benchmarks.attacks.target import Address

Outcome = Counter[str]
Run = Callable[[], Outcome]
PATIENCE = 150.0  # seconds that an attacker waits for an answer
_REOPENED = 20  # connections, each 0.2 seconds
_JSON, _GZIP = "Content-Type: application/json", "Content-Encoding: gzip"


@dataclass(frozen=True, slots=True)
class Attack:
    """prepare: makes all bytes, given the server's address and a scale (1.0: as in the table), and returns what sends
    them. today: what the server did before it was defended. longest: how long another client may wait, in seconds.
    photos, grpc: whether the other client asks about photos too, and by gRPC. files: how many the server may have
    open."""

    name: str
    title: str
    today: str
    prepare: Callable[[Address, float], Run]
    longest: float = 1.0
    photos: bool = False
    files: int | None = None
    refuses_others: bool = False
    grpc: bool = False


def at_once(port: int, requests: Sequence[bytes]) -> Run:
    """Sends each request on a connection of its own, all at the same time."""

    def run() -> Outcome:
        with ThreadPoolExecutor(len(requests)) as threads:
            return Counter(threads.map(lambda request: ask(port, request, PATIENCE).status, requests))

    return run


def _long_numbers(address: Address, scale: float) -> Run:
    body = payloads.numbers(int(20 * MEGABYTE * scale), address.width).written()
    return at_once(address.port, [payloads.post(address.toy, body, _JSON)])


def _gzip_of_numbers(megabytes: int) -> Callable[[Address, float], Run]:
    def prepare(address: Address, scale: float) -> Run:
        body = payloads.numbers(int(megabytes * MEGABYTE * scale), address.width).gzipped()
        return at_once(address.port, [payloads.post(address.toy, body, _JSON, _GZIP)])

    return prepare


def _gzips_of_spaces(address: Address, scale: float) -> Run:
    body = payloads.spaces(int(1000 * MEGABYTE * scale)).gzipped()
    return at_once(address.port, [payloads.post(address.toy, body, _JSON, _GZIP)] * 2)


def _scans(address: Address, scale: float) -> Run:
    photo = payloads.jpeg_of_scans(int(5000 * scale))
    return at_once(address.port, [payloads.post(address.photos, photo, "Content-Type: image/jpeg")] * 4)


def _pixels(address: Address, scale: float) -> Run:
    photo = payloads.png_of_pixels(int(8000 * scale**0.5))
    return at_once(address.port, [payloads.post(address.photos, photo, "Content-Type: image/png")] * 8)


def _nested(address: Address, scale: float) -> Run:
    body = payloads.nested(int(16 * MEGABYTE * scale))
    return at_once(address.port, [payloads.post(address.toy, body, _JSON)] * 4)


def _chunks(address: Address, scale: float) -> Run:
    """6 bytes are sent for each byte of the body."""
    text = address.small_body()
    body = text[:-1] + b" " * (int(60 * MEGABYTE * scale) // 24 - len(text)) + text[-1:]
    request = payloads.head(address.toy, _JSON, "Transfer-Encoding: chunked") + payloads.chunks(body)
    return at_once(address.port, [request] * 4)


def slow_connections(port: int, count: int, seconds: float) -> Run:
    """Keeps so many connections open, each of which sends a byte now and then, and opens another for each that ends."""

    def run() -> Outcome:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        end = time.monotonic() + seconds
        open_ones: list[socket.socket] = []
        outcome: Outcome = Counter()
        while time.monotonic() < end:
            few = count if outcome["opened"] < count else _REOPENED
            for _ in range(min(few, count - len(open_ones))):
                with suppress(OSError):
                    open_ones.append(_begun(port))
                    outcome["opened"] += 1
            open_ones = [one for one in open_ones if _goes_on(one, outcome)]
            time.sleep(0.2)
        outcome["still open"] = len(open_ones)
        for one in open_ones:
            one.close()
        return outcome

    return run


def _begun(port: int) -> socket.socket:
    connection = connect(port, 1.0)
    connection.setblocking(False)
    with suppress(OSError):
        connection.send(b"POST / HTTP/1.1\r\nX: ")
    return connection


def _goes_on(connection: socket.socket, outcome: Outcome) -> bool:
    try:
        connection.send(b"x")
        answer = connection.recv(4096)
        outcome[answer[9:12].decode() or "closed"] += 1
    except BlockingIOError:
        return True
    except OSError:
        outcome["closed"] += 1
    connection.close()
    return False


def _slow(address: Address, scale: float) -> Run:
    return slow_connections(address.port, int(2000 * scale), 30.0 * scale)


def _overload(address: Address, scale: float) -> Run:
    return lambda: overload(address, photo_request(address), 60.0 * scale).outcome()


_LONG = 2.0  # beside 20 MB of text and more

ATTACKS = (
    Attack("long-numbers", "20 MB of numbers of 25 digits", "`/livez` waits 3 s", _long_numbers, longest=_LONG),
    Attack("gzip-150mb", "the same, a gzip of 0.5 MB for 150 MB", "21-25 s", _gzip_of_numbers(150), longest=_LONG),
    Attack("gzip-1gb", "the same, a gzip of 3 MB for 1 GB", "over 120 s", _gzip_of_numbers(1000), longest=_LONG),
    Attack(
        "spaces",
        "two gzips of 1 MB for 1 GB of spaces each",
        "4 GB peak, 1.1-2 GB stay",
        _gzips_of_spaces,
        longest=_LONG,
    ),
    Attack("scans", "four JPEGs of 5,000 empty scans", "all photos wait 30 s and get 504", _scans, photos=True),
    Attack("pixels", "eight PNGs of 64 million pixels", "1.4 GB peak, 0.6-1.2 GB stay", _pixels, photos=True),
    Attack("nested", '16 MB of `[{"":1},` four times, never closed', "1.8 GB stay", _nested),
    Attack("chunks", "60 MB of 1-byte chunks on four connections", "`/livez` waits 7 s", _chunks),
    Attack("slow", "2,000 slow connections, 1,024 files", "nobody is accepted for 30 s", _slow, files=1024),
    Attack(
        "overload",
        "10 times the photos it can take, for a minute",
        "answers after 21 s, 1.3 GB stay",
        _overload,
        photos=True,
        refuses_others=True,
    ),
    *(
        Attack(name, title, today, prepare, grpc=True, refuses_others=name == "grpc-overload")
        for name, title, today, prepare in GRPC_ATTACKS
    ),
)
