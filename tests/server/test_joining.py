"""Calls of clients over REST and gRPC are joined, and each gets the answer that it would have got alone."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from h2.settings import SettingCodes
from tests.batching.engines import LONG
from tests.server.grpc_process import PREDICT
from tests.server.http2 import Http2
from tests.server.http2 import message as framed

from lightship import protos
from lightship.batching import Direct, Joined
from lightship.engines.base import Joining
from lightship.errors import InvalidArgument
from lightship.server import Server, ServerOptions, parse_model_argument
from lightship.tensors.tensor_proto import array_of
from lightship.tensors.tensor_writing import write_tensor
from lightship.transports.access_log.record import STAGES
from lightship.transports.turn import Turn

THREADS = 2
RUNS = 2  # at a time: one stream, and one more
DATA, END_STREAM = 0, 1  # of HTTP/2's frames


class Gated:
    """An engine whose joint runs are said to be cheap. Its runs wait for `go_on`. Rows of 13 fail.

    `runs` has the numbers of rows of the runs, in their order.
    """

    def __init__(self, engine: Any) -> None:
        self.engine, self.runs, self.short = engine, list[int](), False
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()

    def joining(self, signature: str) -> Joining:
        return Joining({rows: seconds / 100 for rows, seconds in LONG.items()} if self.short else LONG)

    def run(self, signature: str, inputs: Any, outputs: Any = None) -> Any:
        self.runs.append(len(next(iter(inputs.values()))))
        self.begun.release()
        assert self.go_on.wait(120)
        if any(13.0 in array for array in inputs.values()):
            raise InvalidArgument("no 13")
        return self.engine.run(signature, inputs, outputs)

    def run_joined(self, signature: str, inputs: Any, outputs: Any = None, *, wait: bool = True) -> Any:
        return self.run(signature, inputs, outputs)

    def try_run(self, *arguments: Any) -> Any:
        return self.run(*arguments) if self.short else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


Serve = Callable[..., tuple[Server, Gated]]


@pytest.fixture
def served(half_plus_two: Path) -> Iterator[Serve]:
    """Starts servers of a model `m`, which halves and adds 2. Its runs wait, or are `short` and do not."""
    running: list[tuple[Server, Gated]] = []

    def start(*, short: bool = False, **options: Any) -> tuple[Server, Gated]:
        models = [parse_model_argument(f"m={half_plus_two}")]
        server = Server(ServerOptions(models, rest_port="auto", grpc_port="auto", threads=THREADS, **options)).start()
        assert server.wait_ready(60)
        lease = server.manager._serving._models["m"].latest
        assert lease is not None
        engine: Any = Gated(lease.servable.engine)

        def observe(calls: int, rows: int) -> None:
            server._loading.metrics.joins.joined("m", calls, rows)

        joined = Joined(lease.servable.bundle, engine, observe, None, server._loading.metrics.runs.of("m"))
        for size in LONG:  # the event loop may run all batches
            joined._queues["serving_default"]._priming.note(size, 0.0)
        lease.servable = replace(lease.servable, engine=engine, scheduler=joined)
        if short:
            engine.short = True
            engine.go_on.set()
        running.append((server, engine))
        return server, engine

    yield start
    for server, engine in running:
        engine.go_on.set()
        server.stop()


def rest(server: Server, value: float, action: str = "predict") -> float | int:
    """The answer to one call, or the status of an error."""
    examples = {"signature_name": f"{action}_x_to_y", "examples": [{"x": value}]}
    body: Any = {"instances": [[value]]} if action == "predict" else examples
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=120)) as connection:
        connection.request("POST", f"/v1/models/m:{action}", json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
    if answer.status != 200:
        return answer.status
    document = json.loads(text)
    (row,) = document["predictions"] if action == "predict" else document["results"]
    return float(np.ravel(row)[-1])  # a number, or a label and a score


def message(value: float) -> bytes:
    request = protos.PredictRequest()
    request.model_spec.name = "m"
    write_tensor(request.inputs["x"], np.array([[value]], np.float32), as_content=False)
    return bytes(request.SerializeToString())


def over_grpc(server: Server, value: float, timeout: float = 120) -> float:
    with grpc.insecure_channel(server.grpc_address) as channel:
        answer = channel.unary_unary(PREDICT)(message(value), timeout=timeout)
    return float(array_of(protos.PredictResponse.FromString(answer).outputs["y"])[0, 0])


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def waiting(server: Server) -> int:
    """The number of calls in the queues of the scheduler."""
    with server.manager.handle("m") as handle:
        scheduler = handle.servable.scheduler
        assert isinstance(scheduler, Joined)
        return sum(len(queue._waiting) for queue in scheduler._queues.values())


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as pool:
        yield pool


def hold(server: Server, engine: Gated, callers: ThreadPoolExecutor) -> list[Future[Any]]:
    """Lets calls take all runs that go on at a time."""
    held = []
    for _ in range(RUNS):
        held.append(callers.submit(rest, server, 0.0))
        assert engine.begun.acquire(timeout=60)
    return held


def test_callers_over_rest_and_grpc_are_in_one_batch(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served()
    held = hold(server, engine, callers)
    calls = [callers.submit(rest if number % 2 else over_grpc, server, float(number)) for number in range(8)]
    until(lambda: waiting(server) == 8)
    engine.go_on.set()
    assert [call.result(60) for call in calls] == [number / 2 + 2 for number in range(8)]
    assert [call.result(60) for call in held] == [2.0] * RUNS
    assert 8 in engine.runs


def test_a_batch_has_more_calls_than_the_server_has_threads(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served()
    hold(server, engine, callers)
    calls = [callers.submit(rest, server, float(number)) for number in range(20, 36)]
    until(lambda: waiting(server) == 16)
    engine.go_on.set()
    assert [call.result(60) for call in calls] == [number / 2 + 2 for number in range(20, 36)]
    assert 16 in engine.runs


def test_calls_of_one_turn_of_the_event_loop_are_one_run(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served(short=True)
    assert server._endpoints is not None
    assert server._endpoints._http is not None
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(PREDICT)
        call(message(0.0), timeout=60)  # connects
        connections = [http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60) for _ in range(3)]
        for connection in connections:
            connection.connect()
        until(lambda: len(server._endpoints._http.connections) == 3)  # type: ignore[union-attr]
        with held_loop(server):
            for number, connection in enumerate(connections):
                connection.request("POST", "/v1/models/m:predict", json.dumps({"instances": [[float(number)]]}))
            calls = [call.future(message(10.0 + number), timeout=60) for number in range(3)]
            until(lambda: unread_requests(server) == 3)
            until(lambda: unread_calls(server) == 3)
            engine.runs.clear()
        answers = [json.loads(connection.getresponse().read()) for connection in connections]
        values = [array_of(protos.PredictResponse.FromString(one.result()).outputs["y"])[0, 0] for one in calls]
        for connection in connections:
            connection.close()
    assert [answer["predictions"] for answer in answers] == [[[number / 2 + 2]] for number in range(3)]
    assert values == [number / 2 + 7 for number in range(3)]
    assert max(engine.runs) > 3  # over both


@contextlib.contextmanager
def held_loop(server: Server) -> Iterator[None]:
    """Holds up the event loop, so that it reads at once what is sent meanwhile."""
    assert server._endpoints is not None
    assert server._endpoints._http is not None
    loop, go_on, held = server._endpoints._http._loop, threading.Event(), threading.Event()
    assert loop is not None
    loop.call_soon_threadsafe(lambda: held.set() or go_on.wait(60))
    assert held.wait(60)
    try:
        yield
    finally:
        go_on.set()


def unread_requests(server: Server) -> int:
    """The number of REST connections with bytes that the event loop has not read."""
    assert server._endpoints is not None
    assert server._endpoints._http is not None
    return sum(map(bool, map(unread, server._endpoints._http.connections)))


def unread_calls(server: Server) -> int:
    """The number of whole gRPC requests that the event loop has not read. grpcio sends them on its own thread."""
    assert server._endpoints is not None
    assert server._endpoints.grpc is not None
    count = 0
    for data in map(unread, server._endpoints.grpc.connections):
        while len(data) >= 9:  # the head of a frame: its length, kind and flags
            end = 9 + int.from_bytes(data[:3], "big")
            count += data[3] == DATA and bool(data[4] & END_STREAM) and len(data) >= end
            data = data[end:]
    return count


def unread_bytes(server: Server) -> int:
    """The number of bytes of gRPC's connections that the event loop has not read."""
    assert server._endpoints is not None
    assert server._endpoints.grpc is not None
    return sum(map(len, map(unread, server._endpoints.grpc.connections)))


def unread(connection: Any) -> bytes:
    """What has come on a connection of a server whose event loop is held up."""
    number = os.dup(connection.transport.get_extra_info("socket").fileno())
    with socket.socket(fileno=number) as peeking, contextlib.suppress(BlockingIOError):
        return peeking.recv(1 << 20, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return b""


def in_one_turn_over_rest(server: Server, bodies: list[bytes], headers: Sequence[dict[str, str]] = ()) -> list[Any]:
    """The predictions for REST calls that arrive in one turn of the event loop, or the status of an error.

    `headers`: further ones of each call.
    """
    assert server._endpoints is not None
    connections = [http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60) for _ in bodies]
    for connection in connections:
        connection.request("POST", "/v1/models/m:predict", b'{"instances": [[0.0]]}')
        connection.getresponse().read()
    with held_loop(server):
        for connection, body, further in zip(connections, bodies, headers or [{}] * len(bodies), strict=True):
            connection.request("POST", "/v1/models/m:predict", body, further)
        until(lambda: unread_requests(server) == len(bodies))
    results: list[Any] = []
    for connection in connections:
        answer = connection.getresponse()
        document = json.loads(answer.read())
        found = document.get("predictions", document.get("outputs"))  # those of binary tensors
        results.append(found if answer.status == 200 else answer.status)
        connection.close()
    return results


def test_rest_calls_of_one_turn_are_read_as_one(served: Serve) -> None:
    server, engine = served(short=True)
    bodies = [b'{"instances": [[%d.5]]}' % number for number in range(8)]
    assert in_one_turn_over_rest(server, bodies) == [[[number / 2 + 2.25]] for number in range(8)]
    assert engine.runs[-1] == 8
    page = ask_metrics(server)
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 16\n' in page
    assert 'request_latency_count{model_name="m",API="predict",entrypoint="REST"} 16\n' in page
    assert 'runtime_latency_count{model_name="m",API="Predict",runtime="TF1"} 16\n' in page


def test_binary_tensors_are_read_in_the_turn_in_which_they_come_and_joined_with_others(served: Serve) -> None:
    server, engine = served(short=True)
    npy = io.BytesIO()
    np.save(npy, np.array([[1.0]], np.float32))
    raw = {
        "Content-Type": "application/octet-stream",
        "Lightship-Dtype": "float32",
        "Lightship-Shape": "1,1",
    }
    as_npy = {"Content-Type": "application/x-npy"}
    one, two, three = (struct.pack("<f", number) for number in (1.0, 2.0, 3.0))
    bodies = [npy.getvalue(), two, b'{"instances": [[3.0]]}', npy.getvalue()[:-1], one + three]
    headers = [as_npy, raw, {}, as_npy, raw | {"Lightship-Shape": "2,1"}]
    assert in_one_turn_over_rest(server, bodies, headers) == [[[2.5]], [[3.0]], [[3.5]], 400, [[2.5], [3.5]]]
    assert engine.runs[-1] == 8  # all five rows, filled up


def test_a_rest_call_that_fails_in_a_turn_fails_only_its_caller(served: Serve) -> None:
    server, engine = served(short=True)
    bodies = [b'{"instances": [[%s]]}' % value for value in (b"1.0", b"13.0", b"3.0", b"4.0")]
    assert in_one_turn_over_rest(server, bodies) == [[[2.5]], 400, [[3.5]], [[4.0]]]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (b'{"instances": [[1.0], [2.0]]}', [[2.5], [3.0]]),
        (b'{"instances": [{"x": [4.0]}]}', [[4.0]]),
        (b'{"instances": [[4]]}', [[4.0]]),
        (b'{"instances": [[4.0]], "signature_name": "serving_default"}', [[4.0]]),
        (b'{"instances": [[1e999]]}', 400),
        (b'{"instances": [["text"]]}', 400),
        (b'{"instances": [[4.0]]', 400),
        (b'{"instances": []}', 400),
        (b'{"instances": [[4.0]], "signature_name": "none"}', 400),
    ],
)
def test_a_rest_call_unlike_the_others_of_its_turn_gets_its_own_answer(
    served: Serve, other: bytes, expected: Any
) -> None:
    server, engine = served(short=True)
    usual = [b'{"instances": [[%d.0]]}' % number for number in range(3)]
    answers = in_one_turn_over_rest(server, [*usual, other])
    assert answers == [[[2.0]], [[2.5]], [[3.0]], expected]


def in_one_turn(server: Server, messages: list[bytes], ids: Sequence[str] = ()) -> list[Any]:
    """The results of gRPC calls that arrive in one turn of the event loop, or the codes of their errors."""
    metadata = [[("x-request-id", one)] for one in ids] or [[]] * len(messages)
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(PREDICT)
        for one in {len(one): one for one in messages}.values():
            with contextlib.suppress(grpc.RpcError):
                call(one, timeout=60)  # connects, and is the first of its kind
        with held_loop(server):
            calls = [
                call.future(one, timeout=60, metadata=with_it) for one, with_it in zip(messages, metadata, strict=True)
            ]
            until(lambda: unread_calls(server) == len(messages))
        return [one.code() if one.exception() else one.result() for one in calls]


def values_of(results: list[Any]) -> list[Any]:
    """The numbers in responses; what is no response stays as it is."""
    return [
        array_of(protos.PredictResponse.FromString(one).outputs["y"]).ravel().tolist() if type(one) is bytes else one
        for one in results
    ]


def test_calls_of_one_turn_over_grpc_are_read_as_one(served: Serve) -> None:
    server, engine = served(short=True)
    results = in_one_turn(server, [message(float(number)) for number in range(8)])
    assert values_of(results) == [[number / 2 + 2] for number in range(8)]
    assert max(engine.runs) > 3
    page = ask_metrics(server)
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 9\n' in page
    assert 'request_latency_count{model_name="m",API="Predict",entrypoint="GRPC"} 9\n' in page
    assert 'runtime_latency_count{model_name="m",API="Predict",runtime="TF1"} 9\n' in page


def test_a_row_that_fails_in_a_turn_fails_only_its_caller(served: Serve) -> None:
    server, engine = served(short=True)
    results = in_one_turn(server, [message(value) for value in (1.0, 13.0, 3.0, 4.0)])
    assert values_of(results) == [[2.5], grpc.StatusCode.INVALID_ARGUMENT, [3.5], [4.0]]


def test_calls_of_one_turn_that_are_not_alike_get_their_own_answers(served: Serve) -> None:
    server, engine = served(short=True)
    two, other = protos.PredictRequest(), protos.PredictRequest()
    two.model_spec.name, other.model_spec.name = "m", "none"
    write_tensor(two.inputs["x"], np.array([[1], [2]], np.float32), as_content=False)
    write_tensor(other.inputs["x"], np.array([[1]], np.float32), as_content=False)
    messages = [message(1.0), two.SerializeToString(), message(2.0), other.SerializeToString()] * 2
    assert values_of(in_one_turn(server, messages)) == [[2.5], [2.5, 3.0], [3.0], grpc.StatusCode.NOT_FOUND] * 2


Logging = tuple[Server, Gated, Callable[..., list[dict[str, Any]]]]


@pytest.fixture
def logging(served: Serve, tmp_path: Path) -> Logging:
    """A server with an access log and short runs, and what waits for so many lines.

    That returns the lines of `id-`, or of other ids in their order.
    """
    path = tmp_path / "access.log"
    server, engine = served(short=True, access_log="json", access_log_file=path)

    def lines(number: int, ids: Collection[str] = ()) -> list[dict[str, Any]]:
        until(lambda: len(path.read_text().splitlines()) >= number)
        found = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(found) == number
        if ids:
            return [line for one in ids for line in found if line["id"] == one]
        return sorted((line for line in found if line["id"].startswith("id-")), key=lambda line: line["id"])

    return server, engine, lines


def check_stages(line: dict[str, Any], *names: str) -> None:
    assert all(line[f"{name}_ms"] > 0 for name in names)
    assert sum(line[f"{stage}_ms"] for stage in STAGES) == pytest.approx(line["ms"], abs=0.01)


@pytest.mark.parametrize("known", [True, False])
def test_rest_calls_that_are_read_as_one_are_logged_each_with_its_id(logging: Logging, known: bool) -> None:
    """`known`: their heads came before, byte for byte, with their ids."""
    server, engine, lines = logging
    connections = [http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60) for _ in range(8)]

    def ask(number: int, value: float, prefix: str = "id-") -> None:
        headers = {"X-Request-Id": f"{prefix}{number}"}
        connections[number].request("POST", "/v1/models/m:predict", b'{"instances": [[%.1f]]}' % value, headers)

    for number, connection in enumerate(connections):
        ask(number, 0.0, "id-" if known else "first-")
        connection.getresponse().read()
    with held_loop(server):
        for number in range(8):
            ask(number, float(number))
        until(lambda: unread_requests(server) == 8)
    answers = [connection.getresponse() for connection in connections]
    texts = [answer.read() for answer in answers]
    assert engine.runs[-1] == 8
    assert [json.loads(text)["predictions"] for text in texts] == [[[number / 2 + 2]] for number in range(8)]
    assert [answer.headers["X-Request-Id"] for answer in answers] == [f"id-{number}" for number in range(8)]
    found = lines(16)[1::2] if known else lines(16)
    assert [line["id"] for line in found] == [f"id-{number}" for number in range(8)]
    shown = {"path": "/v1/models/m:predict", "model": "m", "version": 123, "status": 200, "bytes_in": 22}
    for line, text in zip(found, texts, strict=True):
        assert line | shown | {"bytes_out": len(text)} == line
        check_stages(line, "decode", "run", "encode")
    assert len({line["run_ms"] for line in found}) == 1
    for connection in connections:
        connection.close()


def test_rest_calls_that_could_not_be_run_as_one_are_logged_each_with_its_status(logging: Logging) -> None:
    server, _, lines = logging
    bodies = [b'{"instances": [[%s]]}' % value for value in (b"1.0", b"13.0", b"3.0", b"4.0")]
    headers = [{"X-Request-Id": f"id-{number}"} for number in range(4)]
    assert in_one_turn_over_rest(server, bodies, headers) == [[[2.5]], 400, [[3.5]], [[4.0]]]
    found = lines(8)
    assert [(line["id"], line["status"]) for line in found] == [
        ("id-0", 200), ("id-1", 400), ("id-2", 200), ("id-3", 200)
    ]  # fmt: skip
    for line in found:
        check_stages(line, "decode", "run", "encode")


def test_a_rest_call_that_runs_no_model_has_no_time_of_the_runs_of_its_turn(logging: Logging) -> None:
    server, _, lines = logging
    bodies = [b'{"instances": [[1.0]]}', b'{"instances": [[2.0]]}', b'{"instances": [[3.0]]}', b'{"instances": [[4.0]]']
    headers = [{"X-Request-Id": f"id-{number}"} for number in range(4)]
    assert in_one_turn_over_rest(server, bodies, headers) == [[[2.5]], [[3.0]], [[3.5]], 400]
    found = lines(8)
    assert [line["run_ms"] > 0 for line in found] == [True, True, True, False]
    for line in found:
        check_stages(line, "decode")


def test_calls_over_grpc_that_are_read_as_one_are_logged_each_with_its_id(logging: Logging) -> None:
    server, engine, lines = logging
    ids = [f"id-{number}" for number in range(8)]
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(PREDICT)
        call(message(0.0), timeout=60)
        with held_loop(server):
            calls = [
                call.future(message(float(number)), timeout=60, metadata=[("x-request-id", one)])
                for number, one in enumerate(ids)
            ]
            until(lambda: unread_calls(server) == 8)
        results = [one.result(60) for one in calls]
        assert [dict(one.trailing_metadata())["x-request-id"] for one in calls] == ids
    assert values_of(results) == [[number / 2 + 2] for number in range(8)]
    assert max(engine.runs) > 3
    found = lines(9)
    assert [line["id"] for line in found] == ids
    shown = {"rpc": PREDICT, "model": "m", "version": 123, "code": "OK", "bytes_in": len(message(0.0)) + 5}
    for line, result in zip(found, results, strict=True):
        assert line | shown | {"bytes_out": len(result) + 5} == line
        check_stages(line, "decode", "run", "encode")


def test_calls_over_grpc_that_are_read_as_one_are_logged_each_with_a_new_id(logging: Logging) -> None:
    """One of them brings its id along, and one is cancelled before it is read."""
    server, engine, lines = logging
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(PREDICT)
        call(message(0.0), timeout=60)
        with held_loop(server):
            calls = [
                call.future(message(float(number)), timeout=60, metadata=[("x-request-id", "id-3")] * (number == 3))
                for number in range(9)
            ]
            until(lambda: unread_calls(server) == 9)
            before = unread_bytes(server)
            calls.pop().cancel()
            until(lambda: unread_bytes(server) > before)
        results = [one.result(60) for one in calls]
        ids = [dict(one.trailing_metadata())["x-request-id"] for one in calls]
    assert values_of(results) == [[number / 2 + 2] for number in range(8)]
    assert 8 in engine.runs
    assert len(set(ids)) == 8
    assert ids[3] == "id-3"
    assert all(len(one) == 32 for one in ids if one != "id-3")
    found = lines(10, ids)  # with those of the first call and of the cancelled one
    assert [line["id"] for line in found] == ids
    shown = {"rpc": PREDICT, "model": "m", "version": 123, "code": "OK", "bytes_in": len(message(0.0)) + 5}
    for line, result in zip(found, results, strict=True):
        assert line | shown | {"bytes_out": len(result) + 5} == line
        check_stages(line, "decode", "run", "encode")


def test_calls_that_are_answered_as_one_have_ids_of_their_own_also_if_the_client_takes_little(
    logging: Logging,
) -> None:
    server, engine, lines = logging
    with Http2(server.grpc_port, settings={SettingCodes.INITIAL_WINDOW_SIZE: 10}) as client:
        assert client.ask(framed(message(0.0))).status == 0
        with held_loop(server):
            streams = [client.start() for _ in range(4)]
            for number, stream in enumerate(streams):
                client.h2.send_data(stream, framed(message(float(number))), end_stream=True)
            client.flush()
            until(lambda: unread_calls(server) == 4)
        answers = [client.answer(stream) for stream in streams]
    assert values_of([one.message for one in answers]) == [[number / 2 + 2] for number in range(4)]
    assert 4 in engine.runs
    ids = [one.trailers["x-request-id"] for one in answers]
    assert len(set(ids)) == 4
    assert [line["id"] for line in lines(5, ids)] == ids


def test_calls_over_grpc_that_wait_for_a_further_turn_were_received_before_the_first_one(
    logging: Logging, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, engine, lines = logging
    run, further, slow = engine.engine.run, list[Any](), 0.2
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(PREDICT)
        call(message(0.0), timeout=60)

        def run_slowly(*arguments: Any) -> Any:
            if not further:  # in the first turn the same connection sends more
                further.append(call.future(message(0.0), timeout=60))
                until(lambda: unread_calls(server) > 0)
                threading.Event().wait(slow)
            return run(*arguments)

        with held_loop(server):
            calls = [call.future(message(float(number % 10)), timeout=60) for number in range(40)]
            until(lambda: unread_calls(server) == 40)
            monkeypatch.setattr(engine.engine, "run", run_slowly)
        results = [one.result(60) for one in calls]
        assert values_of([further[0].result(60)]) == [[2.0]]
        ids = [dict(one.trailing_metadata())["x-request-id"] for one in calls]
    assert values_of(results) == [[number % 10 / 2 + 2] for number in range(40)]
    found = lines(42, ids)
    assert max(line["receive_ms"] for line in found) < 1000 * slow
    assert all(line["wait_ms"] > 1000 * slow / 2 for line in found[32:])


def test_calls_over_grpc_that_wait_for_another_look_at_the_sockets_were_received_before_it(
    logging: Logging, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _, lines = logging
    begin, further, slow = Turn._begin, list[Any](), 0.2
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(PREDICT)
        call(message(0.0), timeout=60)

        def begin_slowly(turn: Turn, loop: asyncio.AbstractEventLoop) -> None:
            if not further:  # before the sockets are looked at again, the same connection sends more
                further.append(call.future(message(4.0), timeout=60))
                until(lambda: unread_calls(server) > 0)
                threading.Event().wait(slow)
            begin(turn, loop)

        with held_loop(server):
            calls = [call.future(message(float(number)), timeout=60) for number in range(3)]
            until(lambda: unread_calls(server) == 3)
            monkeypatch.setattr(Turn, "_begin", begin_slowly)
        until(lambda: bool(further))
        results = [one.result(60) for one in (*calls, *further)]
        ids = [dict(one.trailing_metadata())["x-request-id"] for one in (*calls, *further)]
    assert values_of(results) == [[2.0], [2.5], [3.0], [4.0]]
    found = lines(5, ids)
    assert max(line["receive_ms"] for line in found) < 1000 * slow / 2
    assert all(line["wait_ms"] > 1000 * slow / 2 for line in found[:3])


def test_calls_over_grpc_that_could_not_be_run_as_one_are_logged_each_with_its_code(logging: Logging) -> None:
    server, _, lines = logging
    ids = [f"id-{number}" for number in range(4)]
    results = in_one_turn(server, [message(value) for value in (1.0, 13.0, 3.0, 4.0)], ids)
    assert values_of(results) == [[2.5], grpc.StatusCode.INVALID_ARGUMENT, [3.5], [4.0]]
    found = lines(5)
    assert [line["id"] for line in found] == ids
    assert [line["code"] for line in found] == ["OK", "INVALID_ARGUMENT", "OK", "OK"]
    for line in found:
        assert line["model"] == "m"
        check_stages(line, "decode", "run", "encode")


def ask_metrics(server: Server) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


@pytest.mark.parametrize("action", ["classify", "regress"])
def test_examples_are_joined(served: Serve, callers: ThreadPoolExecutor, action: str) -> None:
    server, engine = served()
    engine.go_on.set()
    alone = [rest(server, float(number), action) for number in range(4)]
    engine.go_on.clear()
    while engine.begun.acquire(blocking=False):
        pass
    held = []
    for _ in range(RUNS):
        held.append(callers.submit(rest, server, 0.0, action))
        assert engine.begun.acquire(timeout=60)
    calls = [callers.submit(rest, server, float(number), action) for number in range(4)]
    until(lambda: waiting(server) == 4)
    engine.go_on.set()
    assert [call.result(60) for call in calls] == alone
    assert 4 in engine.runs


def test_a_row_that_fails_fails_only_its_caller(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served()
    hold(server, engine, callers)
    calls = [callers.submit(rest, server, value) for value in (1.0, 13.0, 3.0, 4.0)]
    until(lambda: waiting(server) == 4)
    engine.go_on.set()
    assert [call.result(60) for call in calls] == [2.5, 400, 3.5, 4.0]


def test_a_call_that_is_cancelled_while_it_waits_is_in_no_batch(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served()
    hold(server, engine, callers)
    kept = callers.submit(rest, server, 1.0)
    until(lambda: waiting(server) == 1)
    with grpc.insecure_channel(server.grpc_address) as channel:
        cancelled = channel.unary_unary(PREDICT).future(message(2.0), timeout=120)
        until(lambda: waiting(server) == 2)
        cancelled.cancel()
        until(lambda: waiting(server) == 1)
    left = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)
    left.request("POST", "/v1/models/m:predict", json.dumps({"instances": [[3.0]]}))
    until(lambda: waiting(server) == 2)
    left.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets the connection
    left.close()
    until(lambda: waiting(server) == 1)
    engine.go_on.set()
    assert kept.result(60) == 2.5
    assert engine.runs == [1] * (RUNS + 1)


def test_a_call_whose_time_is_up_while_it_waits_is_in_no_batch(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served(timeout_seconds=3.0)
    held = hold(server, engine, callers)
    with pytest.raises(grpc.RpcError) as error:
        over_grpc(server, 1.0, timeout=1.0)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]
    assert rest(server, 2.0) == 504
    until(lambda: waiting(server) == 0)
    engine.go_on.set()
    for call in held:
        call.result(60)
    assert rest(server, 4.0) == 4.0
    assert engine.runs == [1] * (RUNS + 1)


def test_an_unloaded_version_first_answers_the_calls_that_wait(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served()
    held = hold(server, engine, callers)
    calls = [callers.submit(rest, server, float(number)) for number in range(6)]
    until(lambda: waiting(server) == 6)
    removed = callers.submit(server.reload, [], 120)
    until(lambda: not server.manager.serves("m"))
    assert rest(server, 1.0) == 404
    engine.go_on.set()
    assert [call.result(60) for call in calls] == [number / 2 + 2 for number in range(6)]
    assert [call.result(60) for call in held] == [2.0] * RUNS
    removed.result(60)


def test_a_server_that_stops_first_answers_the_calls_that_wait(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served()
    hold(server, engine, callers)
    calls = [callers.submit(over_grpc, server, float(number)) for number in range(6)]
    until(lambda: waiting(server) == 6)
    stopped = callers.submit(server.stop)
    until(lambda: server._endpoints is not None and server._endpoints.draining)
    engine.go_on.set()
    assert [call.result(60) for call in calls] == [number / 2 + 2 for number in range(6)]
    stopped.result(60)


def test_the_memory_of_calls_that_wait_is_counted_and_given_back(served: Serve, callers: ThreadPoolExecutor) -> None:
    server, engine = served()
    assert server._endpoints is not None
    budget = server._endpoints.app.budget
    hold(server, engine, callers)
    before = budget.taken
    calls = [callers.submit(rest, server, float(number)) for number in range(6)]
    until(lambda: waiting(server) == 6)
    assert budget.taken > before
    engine.go_on.set()
    for call in calls:
        call.result(60)
    until(lambda: budget.taken == 0)


def test_metrics_show_what_was_joined_and_the_page_of_tensorflow_serving_does_not(
    served: Serve, callers: ThreadPoolExecutor
) -> None:
    server, engine = served(metrics_path="/monitoring")
    hold(server, engine, callers)
    calls = [callers.submit(rest, server, float(number)) for number in range(3)]
    until(lambda: waiting(server) == 3)
    engine.go_on.set()
    for call in calls:
        call.result(60)
    pages = []
    for path in ("/metrics", "/monitoring"):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as connection:
            connection.request("GET", path)
            pages.append(connection.getresponse().read().decode())
    assert 'lightship_joined_runs_total{model="m"} 1\n' in pages[0]
    assert 'lightship_joined_calls_total{model="m"} 3\n' in pages[0]
    assert 'lightship_joined_rows_bucket{model="m",le="4"} 1\n' in pages[0]
    assert 'lightship_joined_rows_sum{model="m"} 3.0\n' in pages[0]
    assert "lightship_" not in pages[1]


@pytest.mark.parametrize(("join", "scheduler"), [(True, Joined), (False, Direct)])
def test_joining_can_be_turned_off(half_plus_two: Path, join: bool, scheduler: type) -> None:
    options = ServerOptions([parse_model_argument(f"m={half_plus_two}")], rest_port="auto", join=join)
    with Server(options) as server:
        assert server.wait_ready(60)
        with server.manager.handle("m") as handle:
            assert type(handle.servable.scheduler) is scheduler
        assert rest(server, 2.0) == 3.0
