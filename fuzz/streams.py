"""Streams of bytes that are nearly HTTP: good requests, mutated, joined, and cut into packets anywhere."""

from __future__ import annotations

import gzip
import json
from random import Random

from fuzz.bodies import GOOD
from fuzz.case import Case, Ending

_GOOD_HOSTS = ("localhost", "127.0.0.1", "[::1]", "localhost:8501", "LOCALHOST", "127.0.0.1:1")
_SOUP = (
    *("Content-Length: 5", "Content-Length: 0", "Content-Length: -1", "Content-Length: +5", "Content-Length: 5, 5"),
    *("Content-Length: 99999999999999999999", "Content-Length: 9999999999", "Content-Length:", "Content-Length: 0x5"),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, identity"),
    *("Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "transfer-encoding:\tchunked", "TE: trailers"),
    *("Connection: close", "Connection: keep-alive", "Connection: Upgrade", "Connection: keep-alive, close"),
    *("Upgrade: h2c", "Upgrade: websocket", "HTTP2-Settings: AAMAAABkAAQAAP__", "Expect: 100-continue"),
    *("Expect: 200-ok", "Expect: x", "Content-Encoding: gzip", "Content-Encoding: br", "Content-Type: image/jpeg"),
    *("Content-Type: application/x-npy", "Host: a", "Host:", "Host: a, b", "Origin: http://x", "Range: bytes=0-1"),
    *("If-None-Match: *", "Trailer: X", ": x", "x", " folded: y", "X: \x00", "X: \x7f", "X: \xff\xfe", "X\x00: y"),
    *("X: " + "a" * 5000, "A" * 3000 + ": b", "\tX: y", "Accept: application/x-npy", "Lightship-Shape: 1"),
    *("Lightship-Dtype: float32", "X: a\rb", "X: a\nb", "Date: x"),
    *("Host: localhost", "Host: 127.0.0.1:8501", "Host: [::1]", "Host: [::1", "Host: evil.example", "Host: localhost."),
    *("Host: user@localhost", "Host: localhost:x", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, gzip"),
    *("Transfer-Encoding: chunked, chunked", "Transfer-Encoding: \tgzip , chunked", "TE: gzip, trailers"),
)  # fmt: skip
_TARGETS = (
    *("/", "*", "/v1", "/v1/", "/v1/models", "/v1/models/", "/v1/models/half_plus_two", "/v1/models/mixed/metadata"),
    *("/v1/models/dog/versions/1", "/v1/models/x/versions/99999999999999999999", "/v1/models/%zz"),
    *("/v1/models/%00:predict", "/metrics", "/metrics?x", "/livez", "/readyz", "/docs", "/openapi.json"),
    *("/v1/models/mixed/labels/%F0", "//", "/../", "http://h/v1/models", "http://h", "http://", "http://[", "h:80"),
    *("/v1/models/half_plus_two:predict#x", "/\xff", "/a b", "/monitoring/prometheus/metrics"),
    *("/v1/models/" + "m" * 3000, "/v1/" + "%2F" * 2000, "?", "#", "/?" + "a" * 70_000),
    *("/v1/models/half_plus_two/versions/1:predict", "/V1/MODELS/half_plus_two:PREDICT"),
    *("https://u:p@h:1/v1/models?x#y",),
)  # fmt: skip
_METHODS = (
    *("GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PRI", "get", "G", ""),
    *("SUBSCRIBE", "M-SEARCH", "PROPFIND", "QUERY", "A" * 300),
)  # fmt: skip
_CHUNK_SOUP = (
    *(b"0\r\n\r\n", b"5\r\nabcde\r\n", b"5;ext=1\r\nabcde\r\n", b"ffffffffffffffff\r\n", b"10000000000000000\r\n"),
    *(b"-1\r\n", b"g\r\n", b"5\nabcde\n", b"5\r\nabcdef\r\n", b"5 \r\nabcde\r\n", b"0\r\nX: y\r\n\r\n", b"\r\n"),
    *(b"00000000000\r\n\r\n", b"0\r\nContent-Length: 3\r\n\r\n", b"0x5\r\nabcde\r\n", b"5" * 200),
    *(b"1;" + b"x" * 20_000 + b"\r\na\r\n", b"0\r\n" + b"A: b\r\n" * 3000),
)  # fmt: skip
_TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\x00", b"\r\n\r\n", b" ", b"\t", b":", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"),
    *(b"HTTP/0.9", b"\xff", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"),
    *(b"GET / HTTP/1.1\r\n\r\n", b"GET /\r\n", b"%", b"\x80" * 9),
)  # fmt: skip


def stream_case(rng: Random) -> Case:
    draw = rng.random()
    if draw < 0.25:
        return _good_case(rng)
    requests = [
        _odd_request(rng) if rng.random() < 0.5 else good_request(rng)[0] for _ in range(rng.choice((1, 1, 1, 2, 3)))
    ]
    data = b"".join(requests)
    if draw < 0.85:
        data = _mutated(rng, data)
    ending = Ending.HALF_CLOSE if rng.random() < 0.8 else Ending.HANG_UP
    return Case("stream", _packets(rng, data), ending)


def stalled_case(rng: Random) -> Case:
    """A client that stops within a request, or says nothing."""
    data = b"".join(good_request(rng)[0] for _ in range(rng.choice((1, 2))))
    return Case("stalled", _packets(rng, data[: rng.choice((0, rng.randrange(len(data))))]), Ending.STALL)


def _good_case(rng: Random) -> Case:
    """Requests without a fault, each of which must be answered, however they arrive."""
    requests, statuses = zip(*(good_request(rng) for _ in range(rng.choice((1, 2, 3, 8)))), strict=True)
    ending = rng.choice((Ending.HALF_CLOSE, Ending.WAIT))
    return Case("pipeline", _packets(rng, b"".join(requests)), ending, statuses)


def good_request(rng: Random) -> tuple[bytes, int]:
    """A request without a fault in its HTTP, and the status of its answer."""
    if rng.random() < 0.3:
        method = rng.choice(("GET", "GET", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH"))
        target = rng.choice(
            ("/v1/models", "/v1/models/half_plus_two", "/v1/models/mixed/metadata", "/livez", "/metrics")
        )
        if not target.startswith("/v1/"):
            method = rng.choice(("GET", "HEAD"))
        return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), _status(method, target)
    model, action, document = rng.choice(GOOD)
    body = json.dumps(document).encode()
    headers = [f"Host: {rng.choice(_GOOD_HOSTS)}"]
    if rng.random() < 0.2:
        headers.append("Expect: 100-continue")
    if rng.random() < 0.1:
        body = gzip.compress(body, 1)
        headers.append("Content-Encoding: gzip")
    if rng.random() < 0.4:
        headers.append("Transfer-Encoding: chunked")
        body = _chunked(rng, body)
    else:
        headers.append(f"Content-Length: {len(body)}")
    rng.shuffle(headers)
    head = f"POST /v1/models/{model}:{action} HTTP/1.1\r\n" + "\r\n".join(headers)
    return head.encode() + b"\r\n\r\n" + body, 200


def _status(method: str, target: str) -> int:
    return 200 if method == "GET" or not target.startswith("/v1/") else 400


def _chunked(rng: Random, body: bytes) -> bytes:
    out = []
    while body:
        size = rng.choice((1, 3, 16, 1000, len(body)))
        chunk, body = body[:size], body[size:]
        out.append(b"%x%b\r\n%b\r\n" % (len(chunk), rng.choice((b"", b"", b";a=b")), chunk))
    return b"".join(out) + b"0\r\n" + rng.choice((b"", b"", b"X-Trailer: y\r\n")) + b"\r\n"


def _odd_request(rng: Random) -> bytes:
    method, target = rng.choice(_METHODS), rng.choice(_TARGETS)
    version = rng.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", ""))
    headers = [rng.choice(_SOUP) for _ in range(rng.choice((0, 1, 2, 3, 8)))]
    if rng.random() < 0.03:
        headers *= 200
    body = rng.choice((b"", b"", b"abcde", b'{"instances":[1]}', b"".join(rng.choices(_CHUNK_SOUP, k=3))))
    end = rng.choice(("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"))
    lines = [f"{method} {target} {version}".rstrip(), *headers, "", ""]
    return end.join(lines).encode("latin-1") + body


def _mutated(rng: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        position = rng.randrange(min(len(changed), rng.choice((60, 300, 1 << 30))) + 1) if changed else 0
        length = rng.choice((1, 1, 2, 10, 100))
        change = rng.randrange(9)
        if change == 0 and position < len(changed):
            changed[position] ^= 1 << rng.randrange(8)
        elif change == 1 and position < len(changed):
            changed[position] = rng.randrange(256)
        elif change == 2:
            del changed[position : position + length]
        elif change == 3:
            changed[position:position] = changed[position : position + length]
        elif change == 4:
            changed[position:position] = rng.choice(_TOKENS)
        elif change == 5:
            del changed[position:]
        elif change == 6:
            end = changed.find(b"\r\n", position)
            changed[end:end] = b"\r\n" + rng.choice(_SOUP).encode("latin-1") if end >= 0 else b""
        elif change == 7:
            changed += rng.choice(_CHUNK_SOUP)
        else:
            changed += changed[: rng.choice((10, 1000))]
    return bytes(changed)


def _packets(rng: Random, data: bytes) -> tuple[bytes, ...]:
    count = rng.choice((1, 1, 2, 3, 10))
    if rng.random() < 0.02:
        count = 200
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(count - 1))
    pieces = [data[start:end] for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True)]
    return tuple(piece for piece in pieces if piece)
