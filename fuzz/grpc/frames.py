"""HTTP/2 as no library would write it: the frames of a good call, changed, doubled, and in another order."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from random import Random

from hpack import Encoder

from fuzz.answers import Wrong
from fuzz.case import Case, Ending

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE = 75.0  # a client that has ended is left 60 s later at the latest, if no window lets its answers through
_SIZES = (0, 1, 4, 5, 6, 8, 9, 100, 16384, 16385)
_NUMBERS = (0, 1, 2, 3, 5, 7, 2**31 - 1, 2**31, 2**32 - 1)


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    """length: what is claimed instead of the payload's."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def frames_case(path: str, request: bytes, random: Random) -> Case:
    """An attack made of the frames of a call."""
    frames = _call(path, request, random)
    for _ in range(random.choice((1, 1, 2, 3, 10))):
        at = random.randint(0, len(frames))
        change = random.randrange(6)
        if change == 0:
            frames.insert(at, _any_frame(random))
        elif change == 1:
            frames.insert(at, random.choice(frames))
        elif change == 2 and at < len(frames):
            del frames[at]
        elif change == 3:
            random.shuffle(frames)
        elif at < len(frames):
            frames[at] = _changed(frames[at], random)
        frames = frames or [b""]
    data = b"".join(frames if random.random() < 0.1 else [PREFACE, frame(4, 0, 0, b""), *frames])
    return Case("frames", tuple(_packets(data, random)), random.choice((Ending.HALF_CLOSE, Ending.HANG_UP)))


def attack(port: int, case: Case) -> None:
    """Raises Wrong for a connection that stays when its client has said that it is finished."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client, suppress(OSError):
        for packet in case.packets:
            client.sendall(packet)
        if case.ending is Ending.HANG_UP:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        client.shutdown(socket.SHUT_WR)
        try:
            while client.recv(65536):
                pass
        except TimeoutError as error:
            raise Wrong("frames: the connection stays when its client has gone") from error


def _call(path: str, request: bytes, random: Random) -> list[bytes]:
    """The frames of one or more good calls."""
    encoder, frames = Encoder(), []
    headers = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"), ("te", "trailers")]
    more = [("content-type", "application/grpc"), ("grpc-timeout", random.choice(("1S", "10m", "1n", "9H", "x")))]
    for stream in range(1, 2 * random.choice((1, 1, 3)), 2):
        block = encoder.encode([*headers, *more])
        cut = random.randint(0, len(block))
        if random.random() < 0.7:
            frames.append(frame(1, 4, stream, block))
        else:
            frames += [frame(1, 0, stream, block[:cut]), frame(9, 4, stream, block[cut:])]
        length = random.choice((len(request), len(request), *_NUMBERS)) & 0xFFFFFFFF
        message = struct.pack(">BI", random.choice((0, 0, 0, 1, 255)), length) + request
        frames.append(frame(0, 1, stream, message[:16384]))
    return frames


def _any_frame(random: Random) -> bytes:
    payload = random.randbytes(random.choice(_SIZES))
    if random.random() < 0.5:
        payload = b"".join(struct.pack(">I", random.choice(_NUMBERS)) for _ in range(random.randint(0, 3)))
    return frame(random.choice((*range(10), 0xFE)), random.randrange(256), random.choice(_NUMBERS), payload)


def _changed(one: bytes, random: Random) -> bytes:
    kind = random.randrange(4)
    if kind == 0 and len(one) > 9:  # its flags
        return one[:4] + bytes([random.randrange(256)]) + one[5:]
    if kind == 1:  # its length
        return random.choice(_SIZES).to_bytes(3, "big") + one[3:]
    if kind == 2:  # its stream
        return one[:5] + struct.pack(">I", random.choice(_NUMBERS)) + one[9:]
    at = random.randrange(len(one)) if one else 0
    return one[:at] + random.randbytes(1) + one[at + 1 :]


def _packets(data: bytes, random: Random) -> list[bytes]:
    cuts = sorted(random.randint(0, len(data)) for _ in range(random.choice((0, 0, 1, 5))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if end > start]
