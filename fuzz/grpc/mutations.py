"""The bytes of a message, changed: what no client's library would write."""

from __future__ import annotations

from random import Random

from fuzz.grpc.wire import rearranged

_NUMBERS = (b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff" * 9 + b"\x01", b"\x80" * 20, b"\xff\xff\xff\xff\x07")
_MAX_BYTES = 20_000


def mutated(data: bytes, other: bytes, random: Random) -> bytes:
    """`data` after a few changes, some of which take bytes from `other`."""
    if random.random() < 0.7:
        return rearranged(data, other, random)[:_MAX_BYTES]
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data = random.choice(_CHANGES)(data, other, random)[:_MAX_BYTES]
    return data


def _flip(data: bytes, _: bytes, random: Random) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _cut(data: bytes, _: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))]


def _remove(data: bytes, _: bytes, random: Random) -> bytes:
    start = random.randint(0, len(data))
    return data[:start] + data[start + random.randint(1, 8) :]


def _number(data: bytes, _: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(_NUMBERS) + data[at + random.randint(0, 2) :]


def _noise(data: bytes, _: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.randbytes(random.randint(1, 16)) + data[at:]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    start, at = random.randint(0, len(other)), random.randint(0, len(data))
    return data[:at] + other[start : start + random.randint(1, 64)] + data[at:]


def _repeat(data: bytes, _: bytes, random: Random) -> bytes:
    start = random.randint(0, len(data))
    piece = data[start : start + random.randint(1, 64)]
    return data[:start] + piece * random.choice((2, 3, 50)) + data[start + len(piece) :]


def _nest(data: bytes, _: bytes, random: Random) -> bytes:
    """The message inside a field of itself, some times over."""
    for _ in range(random.choice((1, 5, 90, 200))):
        if len(data) > _MAX_BYTES // 2:
            break
        size, length = len(data), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        data = bytes([random.randint(1, 15) << 3 | 2]) + length + bytes([size]) + data
    return data


def _append(data: bytes, other: bytes, _: Random) -> bytes:
    """protobuf merges what stands behind."""
    return data + other


_CHANGES = (_flip, _flip, _cut, _remove, _number, _number, _noise, _splice, _repeat, _nest, _append)
