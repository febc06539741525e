"""What one client does in one case: which bytes it sends, how fast, and how it goes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from benchmarks.attacks.payloads import Text, head, post

from fuzz.costly.photos import drawn_photo
from fuzz.costly.texts import PATHS, drawn_text

PHOTOS = "/v1/models/dog:predict"
SMALL = post(PATHS[0], b'{"instances": [[1.0]]}')
_HOSTS = (
    *("localhost", "127.0.0.1", "[::1]", "LOCALHOST:1", "localhost.", "evil.example", "", "a, b", "localhost\tx"),
    *("x" * 3000, "127.0.0.1:99999", "[::1", "user@localhost", "2130706433"),
)  # fmt: skip
_CODINGS = (
    *("chunked", "gzip", "gzip, chunked", "chunked, gzip", "identity", "Chunked", "chunked, chunked", "", "x"),
    *("deflate", "chunked;q=1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """pieces: sent one after the other, each after `pause` seconds; endless ones are left when `seconds` are over.
    answers: how many are waited for; if 0, the end of the connection is. half_close: whether the client says that it
    is finished."""

    kind: str
    pieces: Callable[[], Iterator[bytes]]
    answers: int = 1
    pause: float = 0.0
    seconds: float = 60.0
    half_close: bool = False


def drawn_plan(key: str) -> Plan:
    """The plan of a case, which its key determines."""
    random = Random(key)
    return random.choice(_KINDS)(random)


def _whole(kind: str, request: bytes) -> Plan:
    return Plan(kind, lambda: iter((request,)))


def _text(random: Random) -> Plan:
    body = drawn_text(random, packed=False).written()
    return _whole("text", post(random.choice(PATHS), body, "Content-Type: application/json"))


def _gzip(random: Random) -> Plan:
    body = _packed(random, drawn_text(random, packed=True))
    return _whole("gzip", post(random.choice(PATHS), body, "Content-Encoding: gzip"))


def _packed(random: Random, text: Text) -> bytes:
    body = text.gzipped()
    change = random.randrange(8)
    if change == 0:
        return body[: random.randrange(len(body) + 1)]
    if change == 1:
        position = random.randrange(len(body))
        return body[:position] + random.randbytes(1) + body[position + 1 :]
    if change == 2:
        return body + body  # two members
    return body


def _photo(random: Random) -> Plan:
    media, data = drawn_photo(random)
    return _whole("photo", post(PHOTOS, data, f"Content-Type: {media}"))


def _chunked(random: Random) -> Plan:
    """Chunks of one size, small or large, with extensions or without, and perhaps trailers."""
    size = random.choice((1, 1, 2, 7, 1000, 100_000))
    body = drawn_text(random, packed=False).written()[: size * random.choice((1000, 1_000_000))]
    extension = random.choice((b"", b"", b";a=b", b";" + b"x" * 200))
    parts = (body[at : at + size] for at in range(0, len(body), size))
    lines = [b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts]
    end = b"0\r\n" + random.choice((b"", b"", b"X: y\r\n", b"X: y\r\n" * 3000)) + b"\r\n"
    request = head(random.choice(PATHS), "Transfer-Encoding: chunked") + b"".join(lines) + end
    return _whole("chunked", request)


def _pipelined(random: Random) -> Plan:
    count = random.choice((10, 300, 3000, 20_000))
    request = random.choice((SMALL, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", post("/", b"")))
    joined = request * 100
    return Plan("pipelined", lambda: iter([joined] * (count // 100 or 1)), answers=0, half_close=True)


def _slow(random: Random) -> Plan:
    """Sends a request, or a part of it, in small pieces."""
    request = random.choice((SMALL, post(PATHS[0], b'{"instances": [' + b"1," * 3000 + b"1]}"), SMALL * 3))
    size = random.choice((1, 5, 100))
    rest = request[: random.choice((len(request), random.randrange(len(request))))]
    pieces = [rest[at : at + size] for at in range(0, len(rest), size)][:400]
    return Plan("slow", lambda: iter(pieces), answers=0, pause=random.choice((0.0, 0.01, 0.05)), half_close=True)


def _many(random: Random) -> Plan:
    """One head after the other that never ends, in one connection, or a body that never ends."""
    endless = random.choice((b"X: y\r\n", b"x", b"1\r\nx\r\n", b" "))
    start = random.choice(
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\n",
            head(PATHS[0], "Content-Length: 1000000000"),
            head(PATHS[0], "Transfer-Encoding: chunked"),
            b"",
        )
    )

    def pieces() -> Iterator[bytes]:
        yield start
        while True:
            yield endless * 10_000

    return Plan("endless", pieces, answers=0, pause=random.choice((0.01, 0.1)), seconds=random.choice((1.0, 5.0)))


def _headers(random: Random) -> Plan:
    """Hosts and codings that should be refused, or that should not matter."""
    hosts = [f"Host: {random.choice(_HOSTS)}" for _ in range(random.choice((0, 1, 1, 1, 2)))]
    codings = [f"Transfer-Encoding: {random.choice(_CODINGS)}" for _ in range(random.choice((0, 1, 1, 2)))]
    lengths = random.choice(([], ["Content-Length: 3"], ["Content-Length: 3", "Content-Length: 4"]))
    version = random.choice(("1.1", "1.1", "1.0"))
    lines = [*hosts, *codings, *lengths]
    random.shuffle(lines)
    text = "\r\n".join([f"POST {PATHS[0]} HTTP/{version}", *lines, "", ""]).encode("latin-1")
    body = random.choice((b"", b"3\r\nabc\r\n0\r\n\r\n", b"abc"))
    return Plan("headers", lambda: iter((text + body,)), answers=0, half_close=True)


_KINDS = (_text, _text, _gzip, _gzip, _gzip, _photo, _photo, _photo, _chunked, _pipelined, _slow, _many, _headers)
