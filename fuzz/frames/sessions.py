"""Connections drawn at random: frames that are mostly valid, odd, unfinished, or far too many."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from hpack import Encoder

from fuzz.case import Ending
from fuzz.grpc.frames import PREFACE, frame, frames_case
from fuzz.models import NAMES
from lightship.protos import PredictRequest

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 0x20
PREDICT = "/tensorflow.serving.PredictionService/Predict"
PATHS = (
    *(PREDICT, PREDICT, PREDICT, "/tensorflow.serving.ModelService/GetModelStatus", "/grpc.health.v1.Health/Check"),
    *("/none", "/"),
)
WATCH = (
    "/grpc.health.v1.Health/Watch"  # has no end, so a client that is finished would wait for the server's time limit
)
_MOST = (1 << 31) - 1
_FLOODS = 20_000  # frames of a flood at most


@dataclass(frozen=True, slots=True)
class Session:
    """One connection. packets: what is sent, one after the other. reads: whether the client takes what comes.

    seconds: for how long it stays open when all is sent, if `ending` is STALL.
    """

    kind: str
    packets: tuple[bytes, ...]
    ending: Ending
    reads: bool = True
    seconds: float = 0.0


def drawn_session(key: str) -> Session:
    """Returns the connection that a key stands for: the same key, the same bytes."""
    random = Random(key)
    kind = random.choice(tuple(_KINDS))
    endings = (Ending.HALF_CLOSE, Ending.HANG_UP, Ending.STALL)
    ending = random.choices(endings, (5, 3, 4 if kind in ("unfinished", "windows", "streams") else 1))[0]
    data = _KINDS[kind](Frames(random, PATHS if ending is Ending.HALF_CLOSE else (*PATHS, WATCH)))
    reads = random.random() < 0.8
    return Session(kind, tuple(_packets(data, random)), ending, reads, random.choice((0.2, 1.0, 3.0)))


def good_request(count: int) -> bytes:
    """A Predict of some numbers, whose answer is about as long."""
    request = PredictRequest()
    request.model_spec.name = NAMES[0]
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=count)
    request.inputs["x"].tensor_content = struct.pack(f"<{count}f", *([1.0] * count))
    return request.SerializeToString()


class Frames:
    """Makes the frames of one connection. `next` is the stream that a client would open now."""

    def __init__(self, random: Random, paths: Sequence[str] = PATHS) -> None:
        self.random, self.paths, self.encoder, self.next = random, paths, Encoder(), 1

    def hello(self, settings: bytes = b"") -> bytes:
        return PREFACE + frame(SETTINGS, 0, 0, settings)

    def fields(self, path: str = "") -> list[tuple[str, str]]:
        random = self.random
        fields = [(":method", "POST"), (":scheme", "http"), (":path", path or random.choice(self.paths))]
        fields += [(":authority", "localhost"), ("te", "trailers"), ("content-type", "application/grpc")]
        if random.random() < 0.3:
            fields.append(("grpc-timeout", random.choice(("1S", "5m", "1n", "9H", "x"))))
        if random.random() < 0.2:
            fields.append(("grpc-accept-encoding", "gzip"))
        if random.random() < 0.3:
            fields.append((f"x-{random.randrange(1000)}", "y" * random.choice((0, 1, 100, 3000))))
        return fields

    def head(self, path: str = "", *, end: bool = False) -> tuple[int, bytes]:
        """Opens a stream, with its headers in one frame or several, padded or with a priority."""
        random = self.random
        number, self.next = self.next, self.next + random.choice((2, 2, 2, 2, 4))
        block, flags, payload = self.encoder.encode(self.fields(path)), int(end), b""
        cut = random.randint(0, len(block)) if random.random() < 0.2 else len(block)
        if random.random() < 0.1:
            flags, payload = flags | WITH_PRIORITY, struct.pack(">IB", random.choice((0, 1, number)), 15)
        payload += block[:cut]
        if random.random() < 0.1:
            padding = random.randrange(256)
            flags, payload = flags | PADDED, bytes([padding]) + payload + bytes(padding)
        if cut == len(block):
            return number, frame(HEADERS, flags | END_HEADERS, number, payload)
        return number, frame(HEADERS, flags, number, payload) + frame(CONTINUATION, END_HEADERS, number, block[cut:])

    def body(self, number: int, data: bytes, *, end: bool = True) -> bytes:
        """DATA frames of random sizes, some of them padded or empty."""
        random, frames = self.random, b""
        while data:
            size = random.choice((1, 5, 100, 5000, 16_384, 16_384))
            part, data = data[:size], data[size:]
            last = int(end and not data and random.random() < 0.8)
            if len(part) < 16_000 and random.random() < 0.1:
                padding = random.randrange(256)
                frames += frame(DATA, PADDED | last, number, bytes([padding]) + part + bytes(padding))
            else:
                frames += frame(DATA, last, number, part)
            if last:
                return frames
        return frames + (frame(DATA, END_STREAM, number, b"") if end else b"")

    def call(self, count: int = 1) -> bytes:
        """A good call, or nearly so."""
        path = self.random.choice(self.paths)
        number, head = self.head(path)
        message = good_request(count) if path == PREDICT else b""
        return head + self.body(number, struct.pack(">BI", 0, len(message)) + message)

    def odd(self) -> bytes:
        """A frame that a client may send at any time, or may not."""
        random = self.random
        stream = random.choice((0, 1, max(1, self.next - 2), max(1, self.next - 4), self.next, self.next + 1))
        match random.choice((PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, 11, 250)):
            case 2:
                return frame(PRIORITY, 0, stream, struct.pack(">IB", random.choice((0, stream, 9)), 1))
            case 3:
                return frame(RST_STREAM, 0, stream, struct.pack(">I", random.randrange(14)))
            case 4:
                return frame(SETTINGS, 0, 0, self.setting())
            case 6:
                return frame(PING, random.randrange(2), 0, random.choice((bytes(8), b"draining", random.randbytes(8))))
            case 7:
                return frame(GOAWAY, 0, 0, bytes(8))
            case 8:
                return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", random.choice((1, 1000, 1 << 20, _MOST, 0))))
            case kind:
                return frame(kind, random.randrange(256), stream, random.randbytes(random.choice((0, 1, 8, 300))))

    def setting(self) -> bytes:
        random = self.random
        key = random.choice((1, 2, 3, 4, 4, 5, 6, 8, 99))
        usual = {1: (0, 1, 4096, _MOST), 2: (0, 1, 2), 4: (0, 1, 65_535, _MOST, 1 << 31), 5: (16_384, 1 << 24, 1)}
        return struct.pack(">HI", key, random.choice(usual.get(key, (0, 1, 100, _MOST))))


def _calls(make: Frames) -> bytes:
    count = make.random.choice((1, 1, 100, 20_000))
    return make.hello() + b"".join(make.call(count) for _ in range(make.random.choice((1, 3, 20))))


def _mixed(make: Frames) -> bytes:
    data = make.hello(make.setting() if make.random.random() < 0.3 else b"")
    for _ in range(make.random.choice((3, 10, 60))):
        data += make.call(make.random.choice((1, 10))) if make.random.random() < 0.6 else make.odd()
    return data


def _changed(make: Frames) -> bytes:
    return frames_case(PREDICT, good_request(3), make.random).bytes


def _flood(make: Frames) -> bytes:
    random = make.random
    number, head = make.head(PREDICT)
    one = random.choice(
        (
            *(frame(PING, 0, 0, bytes(8)), frame(SETTINGS, 0, 0, b""), frame(SETTINGS, 0, 0, make.setting())),
            *(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)), frame(WINDOW_UPDATE, 0, number, struct.pack(">I", 1))),
            *(
                frame(DATA, 0, number, b""),
                frame(DATA, PADDED, number, b"\x03" + bytes(3)),
                frame(DATA, 0, number, b"x"),
            ),
            *(frame(PRIORITY, 0, number, bytes(5)), frame(250, 0, 0, b""), frame(RST_STREAM, 0, number, bytes(4))),
            frame(CONTINUATION, 0, number, b""),
        )
    )
    return make.hello() + head + one * random.choice((50, 1000, _FLOODS))


def _resets(make: Frames) -> bytes:
    data = make.hello()
    for _ in range(make.random.choice((100, 1500, 3000))):
        number, head = make.head(PREDICT)
        data += head + frame(RST_STREAM, 0, number, bytes(4))
    return data


def _unfinished(make: Frames) -> bytes:
    """It stops in the middle of the preface, of a frame, a header block, or a message."""
    random = make.random
    number, head = make.head(PREDICT)
    message = (
        struct.pack(">BI", random.choice((0, 0, 1)), random.choice((100, 1 << 20, 1 << 31, 2**32 - 1))) + b"x" * 99
    )
    whole = random.choice(
        (
            *(PREFACE, make.hello() + head, make.hello() + head + frame(DATA, 0, number, message)),
            make.hello() + frame(HEADERS, 0, number, make.encoder.encode(make.fields())),
            make.hello() + frame(HEADERS, 0, number, b"") + frame(CONTINUATION, 0, number, b"\0" * 16_000) * 3,
            make.hello() + head + frame(DATA, 0, number, bytes(100), length=16_384),
        )
    )
    return whole[: random.randint(0, len(whole))] if random.random() < 0.5 else whole


def _windows(make: Frames) -> bytes:
    random = make.random
    data = make.hello(struct.pack(">HI", 4, random.choice((0, 1, 10, 1000, _MOST))))
    for _ in range(random.choice((1, 4, 30))):
        data += make.call(random.choice((1, 1000, 20_000)))
        for _ in range(random.randrange(20)):
            stream = random.choice((0, max(1, make.next - 2)))
            increment = random.choice((1, 1, 10, 16_384, 1 << 20))
            data += frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))
        if random.random() < 0.3:
            data += frame(SETTINGS, 0, 0, struct.pack(">HI", 4, random.choice((0, 1, 65_535, 1 << 20))))
    return data


def _header_blocks(make: Frames) -> bytes:
    random, data = make.random, make.hello()
    for _ in range(random.choice((1, 10, 100))):
        number, make.next = make.next, make.next + 2
        block = make.encoder.encode(make.fields())
        match random.randrange(7):
            case 0:
                block = random.randbytes(random.choice((1, 10, 1000)))
            case 1:
                block = random.choice((b"\x20", b"\x3f\xe1\x1f", b"\x3f\xff\xff\xff\x0f")) + block
            case 2:
                block += b"\x40\x01a\x7f\xf0\x1e" + b"b" * 3999  # fills the dynamic table
            case 3:
                block += b"\xbe" * random.choice((10, 10_000))  # its newest entry, over and over
            case 4:
                block = block[: random.randint(0, len(block))]
            case 5:
                block += make.encoder.encode([(f"x-{one}", "v") for one in range(random.choice((10, 400)))])
        pieces = [block[start : start + 16_384] for start in range(0, len(block), 16_384)] or [b""]
        for place, piece in enumerate(pieces):
            flags = END_HEADERS * (place == len(pieces) - 1) | END_STREAM * (place == 0)
            data += frame(CONTINUATION if place else HEADERS, flags, number, piece)
    return data


def _streams(make: Frames) -> bytes:
    data = make.hello()
    for _ in range(make.random.choice((50, 900, 1500))):
        number, head = make.head(PREDICT)
        data += head
        if make.random.random() < 0.3:
            data += frame(DATA, 0, number, b"\0\0\0\0\x10" + bytes(make.random.randrange(16)))
    return data


def _noise(make: Frames) -> bytes:
    data = make.random.randbytes(make.random.choice((1, 24, 5000)))
    return data if make.random.random() < 0.3 else make.hello() + data


_KINDS: dict[str, Callable[[Frames], bytes]] = {
    **{"calls": _calls, "mixed": _mixed, "changed": _changed, "flood": _flood, "resets": _resets},
    **{"unfinished": _unfinished, "windows": _windows, "header blocks": _header_blocks, "streams": _streams},
    "noise": _noise,
}


def _packets(data: bytes, random: Random) -> list[bytes]:
    """Cuts what is sent at random places; short data may come byte by byte."""
    if len(data) < 500 and random.random() < 0.1:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(random.randint(0, len(data)) for _ in range(random.choice((0, 0, 1, 5, 50))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if end > start]
