"""Processor time of the event loop for a call of the toy model, by how many calls arrive in one turn of it.

The calls of a turn are sent while the event loop is held up, so that it reads exactly so many at once, over REST, over
gRPC, or half over each. Only the time of the event loop's thread counts, so that a busy machine hardly matters.
Servers with and without joining take turns.
Usage: python -m benchmarks.turns [--rounds 5] [--calls 1 2 8 32]
"""

from __future__ import annotations

import argparse
import socket
import statistics
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hpack
from benchmarks.grpc_servers import PREDICT, request_of
from benchmarks.load import request_bytes
from benchmarks.models import MODELS, made
from benchmarks.rest import body_of

from lightship.server import Server, ServerOptions, parse_model_argument

TOY = MODELS[0]
CALLS = (1, 2, 8, 32)
TURNS = 40  # in a row, of which the mean is taken
PATIENCE = 60.0
HEADERS, DATA, SETTINGS, WINDOW = 1, 0, 4, 8


class RestCaller:
    """A connection with one call at a time."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.rest_port), timeout=PATIENCE)
        self._request = request_bytes(f"/v1/models/{TOY.name}:predict", body_of(TOY))

    def send(self) -> None:
        self._socket.sendall(self._request)

    def receive(self) -> None:
        answer = self._socket.recv(65536)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())


class GrpcCaller:
    """A connection with one call at a time."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.grpc_port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # otherwise it waits 40 ms after each answer
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
        self._file = self._socket.makefile("rb")
        self._encoder, self._stream = hpack.Encoder(), 1
        message = request_of(TOY)
        self._message = b"\0" + struct.pack(">I", len(message)) + message
        self._head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", PREDICT),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]

    def send(self) -> None:
        stream, self._stream = self._stream, self._stream + 2
        block = self._encoder.encode(self._head)
        self._socket.sendall(frame(HEADERS, 4, stream, block) + frame(DATA, 1, stream, self._message))

    def receive(self) -> None:
        data = 0
        while True:
            head = self._file.read(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            self._file.read(size)
            if kind == SETTINGS and not flags:
                self._socket.sendall(frame(SETTINGS, 1, 0))
            elif kind == DATA:
                data += size
            elif kind == HEADERS and flags & 1:
                break
        if not data:
            raise RuntimeError("a call failed")
        self._socket.sendall(frame(WINDOW, 0, 0, struct.pack(">I", data)))


Caller = RestCaller | GrpcCaller


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Loop:
    """The event loop of a server in this process."""

    def __init__(self, server: Server, further_threads: Sequence[threading.Thread] = ()) -> None:
        """further_threads: those whose processor time counts too."""
        assert server._endpoints is not None
        assert server._endpoints._http is not None
        assert server._endpoints._thread is not None
        loop = server._endpoints._http._loop
        assert loop is not None
        self._loop = loop
        threads = (server._endpoints._thread, *further_threads)
        self._times = [Path(f"/proc/self/task/{thread.native_id}/schedstat") for thread in threads]

    def turn(self, callers: Sequence[Caller]) -> None:
        """Lets all callers call in one turn, and waits for their answers."""
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            go_on.wait(PATIENCE)

        self._loop.call_soon_threadsafe(hold)
        held.wait(PATIENCE)
        for caller in callers:
            caller.send()
        go_on.set()
        for caller in callers:
            caller.receive()

    def seconds(self) -> float:
        """The processor time that its threads have taken."""
        return sum(int(times.read_text().split()[0]) for times in self._times) / 1e9

    def microseconds(self, callers: Sequence[Caller]) -> float:
        """The processor time of a turn, without the time that it takes to hold up the loop."""
        times = []
        for some in (callers, ()):
            begun = self.seconds()
            for _ in range(TURNS):
                self.turn(some)
            times.append(self.seconds() - begun)
        return (times[0] - times[1]) / TURNS * 1e6


def started(**options: Any) -> Server:
    models = [parse_model_argument(made() / TOY.name)]
    server = Server(ServerOptions(models, rest_port="auto", grpc_port="auto", **options)).start()
    if not server.wait_ready(PATIENCE):
        raise RuntimeError("the toy cannot be served")
    return server


def wait_for_costs(server: Server) -> None:
    """Nothing is joined before the server knows what it costs."""
    with server.manager.handle(TOY.name) as handle:
        end = time.monotonic() + 3 * PATIENCE
        while not (joining := handle.servable.engine.joining("serving_default")) or not joining.costs:
            if time.monotonic() > end:
                raise RuntimeError("the costs of joint runs could not be measured: the machine is too busy")
            time.sleep(0.1)


def compare(loops: dict[str, Loop], kinds: dict[str, dict[str, list[Caller]]], calls: int, rounds: int) -> None:
    for kind in kinds["joined"]:
        times: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(rounds):
            for name, loop in loops.items():
                times[name].append(loop.microseconds(kinds[name][kind][:calls]) / calls)
        least = {name: min(found) for name, found in times.items()}
        ratio = statistics.median(b / a for a, b in zip(times["joined"], times["--no-join"], strict=True))
        texts = [f"{name} {microseconds:6.1f} us" for name, microseconds in least.items()]
        print(f"{kind:14} {calls:3} calls a turn  {'  '.join(texts)}  ratio {ratio:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, nargs="+", default=CALLS)
    options = parser.parse_args()
    servers = {"--no-join": started(join=False), "joined": started()}
    wait_for_costs(servers["joined"])
    make: dict[str, Callable[[Server, int], Caller]] = {
        "REST": lambda server, _: RestCaller(server),
        "gRPC": lambda server, _: GrpcCaller(server),
        "REST and gRPC": lambda server, number: (RestCaller, GrpcCaller)[number % 2](server),
    }
    most = max(options.calls)
    kinds = {
        name: {kind: [caller(server, number) for number in range(most)] for kind, caller in make.items()}
        for name, server in servers.items()
    }
    loops = {name: Loop(server) for name, server in servers.items()}
    for name, loop in loops.items():  # the first runs of each size are made on threads
        for kind in kinds[name].values():
            for _ in range(5):
                loop.turn(kind)
                time.sleep(0.3)
    for calls in options.calls:
        compare(loops, kinds, calls, options.rounds)
    for server in servers.values():
        server.stop()


if __name__ == "__main__":
    main()
