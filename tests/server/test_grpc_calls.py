"""gRPC's interoperability cases for unary calls, and what its protocol says on the wire."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tests.server.grpc_process import PREDICT, eventually, request, values_of
from tests.server.grpc_serving import handles, predict
from tests.server.http2 import Http2, message

from lightship import protos
from lightship.memory_budget import NoRoom, Reservation
from lightship.server import Server
from lightship.transports.grpc import compression, unary
from lightship.transports.grpc.application import GrpcApplication
from lightship.transports.grpc.message_reader import deflate
from lightship.transports.grpc.options import GrpcOptions, parse_channel_arguments

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
UNIMPLEMENTED, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, INTERNAL = 12, 8, 4, 13


@pytest.fixture
def server(served: Callable[..., Server]) -> Server:
    return served()


@pytest.fixture
def client(server: Server) -> Iterator[Http2]:
    with Http2(server.grpc_port) as opened:
        yield opened


def test_an_empty_message_is_a_message(client: Http2) -> None:
    answer = client.ask(message(b""), path=CHECK)
    assert (answer.status, protos.HealthCheckResponse.FromString(answer.message).status) == (0, 1)


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_answers_are_compressed_where_that_is_asked_for(served: Callable[..., Server], compression: str) -> None:
    number = {"deflate": 1, "gzip": 2}[compression]
    arguments = parse_channel_arguments(f"grpc.default_compression_algorithm={number}")
    server = served(grpc=GrpcOptions(channel_arguments=arguments))
    with Http2(server.grpc_port) as client:
        plain = client.ask(message(request()))
        assert values_of(plain.message) == [3.0]
        packed = client.ask(message(request()), [("grpc-accept-encoding", f"identity,{compression}")])
        assert (packed.data[0], packed.headers["grpc-encoding"]) == (1, compression)
    with grpc.insecure_channel(server.grpc_address) as channel:
        assert predict(channel) == [3.0]


@pytest.fixture
def compressing(served: Callable[..., Server]) -> Server:
    arguments = parse_channel_arguments("grpc.default_compression_algorithm=2")
    return served(grpc=GrpcOptions(channel_arguments=arguments))


LARGE = np.arange(100_000, dtype=np.float32)
GZIP = [("grpc-accept-encoding", "gzip")]


def test_a_large_answer_is_compressed_on_a_thread(compressing: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def noted(data: bytes, encoding: str) -> bytes:
        names.append(threading.current_thread().name)
        return deflate(data, encoding)

    monkeypatch.setattr(compression, "deflate", noted)
    with Http2(compressing.grpc_port) as client:
        answer = client.ask(message(request(LARGE)), GZIP)
    assert (answer.data[0], answer.headers["grpc-encoding"]) == (1, "gzip")
    packed = protos.PredictResponse.FromString(gzip.decompress(answer.data[5:])).outputs["y"]
    np.testing.assert_array_equal(packed.float_val, LARGE / 2 + 2)
    assert [name.startswith("call-") for name in names] == [True]
    with grpc.insecure_channel(compressing.grpc_address) as channel:
        options = {"compression": grpc.Compression.Gzip}
        assert predict(channel, **options) == [3.0]
        body = channel.unary_unary(PREDICT)(request(LARGE), timeout=60)
        assert len(values_of(body)) == LARGE.size


@pytest.mark.parametrize("lack", ["threads", "memory"])
def test_a_large_answer_that_cannot_be_compressed_now_is_sent_as_it_is(
    compressing: Server, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    if lack == "threads":
        monkeypatch.setattr(GrpcApplication, "compress", lambda *_: None)
    else:
        monkeypatch.setattr(unary, "Compression", None)  # is not even made
        monkeypatch.setattr(Reservation, "keep", no_room)
    with Http2(compressing.grpc_port) as client:
        answer = client.ask(message(request(LARGE)), GZIP)
    assert answer.data[0] == 0
    assert "grpc-encoding" not in answer.headers
    assert len(values_of(answer.data[5:])) == LARGE.size


def no_room(memory: Reservation, total: int = 1) -> None:
    if total > 2 * LARGE.nbytes:
        raise NoRoom("no room", 1)


def test_a_call_that_is_cancelled_while_its_answer_is_compressed_leaves_nothing(
    compressing: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def waiting(data: bytes, encoding: str) -> bytes:
        begun.set()
        assert go_on.wait(60)
        return deflate(data, encoding)

    monkeypatch.setattr(compression, "deflate", waiting)
    with Http2(compressing.grpc_port) as client:
        stream = client.start(headers=GZIP)
        client.send(stream, message(request(LARGE)))
        assert begun.wait(60)
        client.h2.reset_stream(stream)
        client.flush()
        assert values_of(client.ask(message(request())).message) == [3.0]
        go_on.set()
    endpoints = compressing._endpoints
    assert endpoints is not None
    assert endpoints.grpc is not None
    assert eventually(lambda: endpoints.grpc.unfinished == 0)
    assert eventually(lambda: endpoints.grpc._application.budget.taken == 0)
    assert eventually(lambda: handles(compressing) == 0)


def test_an_unknown_compression_is_answered_with_the_known_ones(client: Http2) -> None:
    answer = client.ask(message(b"x", compressed=True), [("grpc-encoding", "br")])
    assert answer.status == UNIMPLEMENTED
    assert answer.headers["grpc-accept-encoding"] == "identity,deflate,gzip"


@pytest.mark.parametrize("path", ["/a.B/C", "/tensorflow.serving.PredictionService/No", "/"])
def test_an_unknown_method_is_unimplemented_before_its_message_has_come(client: Http2, path: str) -> None:
    answer = client.answer(client.start(path))
    assert answer.status == UNIMPLEMENTED
    assert not answer.data


def test_a_status_alone_is_sent_in_one_block(client: Http2) -> None:
    answer = client.ask(message(request(model="nö☺")))
    assert answer.headers["grpc-status"] == "5"
    assert answer.headers["grpc-message"] == "Servable not found for request: Latest(n%C3%B6%E2%98%BA)"
    assert not answer.trailers


@pytest.mark.parametrize(("headers", "status"), [({":method": "GET"}, "405"), ({"content-type": "text/plain"}, "415")])
def test_other_http_gets_an_http_status(client: Http2, headers: dict[str, str], status: str) -> None:
    answer = client.answer(client.start(replaced=headers))
    assert answer.headers[":status"] == status


def test_a_message_in_two_parts_with_its_end_alone_is_answered(client: Http2) -> None:
    stream = client.start()
    whole = message(request())
    for part in (whole[:3], whole[3:9], whole[9:]):
        client.send(stream, part, end=False)
    client.send(stream, b"")
    assert values_of(client.answer(stream).message) == [3.0]


def test_trailers_of_the_client_end_its_request(client: Http2) -> None:
    stream = client.start()
    client.send(stream, message(request()), end=False)
    client.h2.send_headers(stream, [("x-trailer", "1")], end_stream=True)
    client.flush()
    assert values_of(client.answer(stream).message) == [3.0]


def test_two_messages_are_one_too_many(client: Http2) -> None:
    answer = client.ask(message(request()) * 2)
    assert (answer.status, answer.text) == (INTERNAL, "the request has more than one message: send one")


def test_binary_and_other_metadata_are_accepted(client: Http2) -> None:
    metadata = [("trace-bin", "AAEC"), ("user-agent", "x"), ("authorization", "Bearer y"), ("x-many", "v" * 500)]
    assert values_of(client.ask(message(request()), metadata).message) == [3.0]


def test_a_timeout_beyond_all_clocks_is_none(client: Http2) -> None:
    assert values_of(client.ask(message(request()), [("grpc-timeout", "99999999H")]).message) == [3.0]


def test_a_timeout_of_nothing_has_passed(client: Http2) -> None:
    answer = client.ask(message(request()), [("grpc-timeout", "0n")])
    assert answer.status == DEADLINE_EXCEEDED


def test_a_call_without_message_ends_at_its_deadline(client: Http2) -> None:
    answer = client.answer(client.start(headers=[("grpc-timeout", "50m")]))
    assert (answer.status, answer.text) == (DEADLINE_EXCEEDED, "Deadline Exceeded")


def test_a_call_ends_at_its_deadline_although_its_run_goes_on(served: Callable[..., Server], slow: Any) -> None:
    server = served()
    engine = slow(server)
    with Http2(server.grpc_port) as client:
        answer = client.ask(message(request()), [("grpc-timeout", "200m")])
        assert answer.status == DEADLINE_EXCEEDED
    engine.go_on.set()
    assert eventually(lambda: handles(server) == 0)


def test_short_and_long_calls_are_answered_in_the_order_in_which_they_are_done(
    served: Callable[..., Server], slow: Any
) -> None:
    server = served()
    engine = slow(server)
    with Http2(server.grpc_port) as client:
        long = client.start()
        client.send(long, message(request()))
        assert engine.begun.acquire(timeout=60)
        assert client.ask(message(b""), path=CHECK).status == 0
        assert not client.answers[long].over
        engine.go_on.set()
        assert values_of(client.answer(long).message) == [3.0]


def test_a_message_beyond_the_budget_is_refused_and_may_be_sent_again_later(server: Server) -> None:
    own = server._endpoints.grpc  # type: ignore[union-attr]
    assert own is not None
    assert own._application is not None
    budget = own._application.api.context.budget
    large = message(request(np.zeros(50_000)))
    ways: list[tuple[bytes, list[tuple[str, str]]]] = [
        (large, []),
        (message(gzip.compress(large), compressed=True), [("grpc-encoding", "gzip")]),
    ]
    with Http2(server.grpc_port) as client:
        with budget.reservation() as other:
            other.grow(budget.size - 200_000)
            for data, headers in ways:
                answer = client.ask(data, headers)
                assert answer.status == RESOURCE_EXHAUSTED
                assert answer.headers["grpc-retry-pushback-ms"] == "1000"
            assert values_of(client.ask(message(request())).message) == [3.0]
        assert values_of(client.ask(large).message) == [2.0] * 50_000
    assert eventually(lambda: budget.taken == 0)


def test_a_watch_ends_with_its_deadline_and_is_forgotten(server: Server) -> None:
    own = server._endpoints.grpc  # type: ignore[union-attr]
    assert own is not None
    with Http2(server.grpc_port) as client:
        stream = client.start(WATCH, [("grpc-timeout", "3S")])  # in which the message must come
        client.send(stream, message(b""))
        answer = client.answer(stream)
        assert answer.status == DEADLINE_EXCEEDED
        assert protos.HealthCheckResponse.FromString(answer.message).status == 1
        gone = client.start(WATCH)
        client.send(gone, message(b""))
        while not client.answers[gone].data:
            client.read()
        assert own._application is not None
        assert len(own._application.watches) == 1
        client.h2.reset_stream(gone, 8)
        client.flush()
        assert eventually(lambda: not own._application.watches)  # type: ignore[union-attr]


@pytest.mark.parametrize("data", [b"", message(b"")[:3], message(b"\xff"), message(b"") * 2])
def test_a_watch_needs_one_message(client: Http2, data: bytes) -> None:
    assert client.ask(data, path=WATCH).status == INTERNAL


def test_an_asynchronous_client_is_answered(server: Server) -> None:
    async def ask() -> list[list[float]]:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            call = channel.unary_unary(PREDICT)
            cancelled = call(request())
            cancelled.cancel()
            answers = await asyncio.gather(*(call(request([number]), timeout=60) for number in range(50)))
        return [values_of(answer) for answer in answers]

    assert asyncio.run(ask()) == [[number / 2 + 2] for number in range(50)]


def test_clients_on_many_threads_are_answered(server: Server) -> None:
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            with grpc.insecure_channel(server.grpc_address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
                for _ in range(50):
                    assert predict(channel) == [3.0]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
