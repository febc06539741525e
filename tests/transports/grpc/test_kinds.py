"""Which threads run gRPC calls, which wait their turn, and which are refused at once. REST shares the threads."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from lightship import protos
from lightship.batching import Direct
from lightship.server import Server, serve
from lightship.transports.grpc.message_model import model_of

PREDICT = "/tensorflow.serving.PredictionService/Predict"
CHECK = "/grpc.health.v1.Health/Check"
THREADS = 2


class Held:
    """An engine whose runs wait until they may go on. `running` is the number of runs that have begun."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.running, self.go_on = engine, 0, threading.Event()

    def run(self, *arguments: Any, **options: Any) -> Any:
        self.running += 1
        assert self.go_on.wait(120)
        return self.engine.run(*arguments, **options)

    def try_run(self, *arguments: Any, **options: Any) -> None:
        return None

    def ready(self, *arguments: Any) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


@pytest.fixture
def server(half_plus_two: Path) -> Iterator[Server]:
    """Two models, `m` and `n`."""
    options = {"rest_port": "auto", "grpc_port": "auto", "threads": THREADS, "max_queue_seconds": 0.02}
    with serve(f"m={half_plus_two}", f"n={half_plus_two}", **options) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture
def held(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """The engine of `m`."""
    lease = server.manager._serving._models["m"].latest
    assert lease is not None
    engine = Held(lease.servable.engine)
    monkeypatch.setattr(lease, "servable", replace(lease.servable, engine=engine, scheduler=Direct(engine)))
    yield engine
    engine.go_on.set()


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.grpc_address, options) as opened:
        yield opened


def request(model: str, count: int = 1) -> bytes:
    message = protos.PredictRequest()
    message.model_spec.name = model
    tensor = message.inputs["x"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add().size = count
    tensor.float_val.extend([1.0] * count)
    return bytes(message.SerializeToString())


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def fill(server: Server, held: Held, channel: grpc.Channel, count: int = 1) -> list[Any]:
    """Lets calls of `m` take all threads of their kind. Returns the calls."""
    ask, calls = channel.unary_unary(PREDICT), []
    for number in range(THREADS):
        calls.append(ask.future(request("m", count), timeout=120))
        until(lambda number=number: held.running == number + 1)  # type: ignore[misc]
    return calls


def rest(server: Server, model: str) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as connection:
        connection.request("POST", f"/v1/models/{model}:predict", b'{"instances": [1.0]}')
        return connection.getresponse().status


def test_others_are_answered_while_one_model_takes_all_threads(
    server: Server, held: Held, channel: grpc.Channel
) -> None:
    calls = fill(server, held, channel)
    assert channel.unary_unary(PREDICT)(request("n"), timeout=60)
    assert channel.unary_unary(CHECK)(b"", timeout=60)
    assert rest(server, "n") == 200
    held.go_on.set()
    assert all(call.result(60) for call in calls)


def test_small_calls_are_answered_while_long_ones_take_all_their_threads(
    server: Server, held: Held, channel: grpc.Channel
) -> None:
    calls = fill(server, held, channel, 50_000)
    short = channel.unary_unary(PREDICT).future(request("m"), timeout=120)
    until(lambda: held.running == THREADS + 1)
    held.go_on.set()
    assert all(call.result(60) for call in [*calls, short])


def overload(server: Server, held: Held, channel: grpc.Channel, count: int = 1) -> list[Any]:
    """Lets calls of `m` take all threads for so long that a further one would wait too long."""
    calls = fill(server, held, channel, count)
    threading.Event().wait(0.1)
    return calls


@pytest.mark.parametrize("count", [1, 50_000], ids=["small", "large"])
def test_a_call_that_would_wait_too_long_is_told_when_to_try_again(
    server: Server, held: Held, channel: grpc.Channel, count: int
) -> None:
    calls = overload(server, held, channel, count)
    error = channel.unary_unary(PREDICT).future(request("m", count), timeout=120).exception(60)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "too much work" in error.details()
    assert int(dict(error.trailing_metadata())["grpc-retry-pushback-ms"]) >= 1000
    held.go_on.set()
    assert all(call.result(60) for call in calls)
    assert 'request_count{model_name="m",status="UNAVAILABLE"} 1' in _metrics(server)
    until(lambda: server._endpoints.app.budget.taken == 0)  # type: ignore[union-attr]


def test_calls_of_rest_and_grpc_have_the_same_threads(server: Server, held: Held, channel: grpc.Channel) -> None:
    calls = overload(server, held, channel)
    assert rest(server, "m") == 503
    held.go_on.set()
    assert all(call.result(60) for call in calls)
    assert rest(server, "m") == 200


def _metrics(server: Server) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


@pytest.mark.parametrize(
    ("start", "model"),
    [
        (request("m"), "m"),
        (request("m" * 127), "m" * 127),
        (protos.ClassificationRequest(model_spec={"name": "é"}).SerializeToString(), "é"),
        (protos.PredictRequest(model_spec={"signature_name": "s"}).SerializeToString(), ""),
        (b"", ""),
        (b"\x0a", ""),
        (b"\x0a\x03\x0a", ""),
        (b"\x0a\x03\x0a\x05m", ""),
        (b"\x0a\xff\xff\xff", ""),
        (b"\x12\x00", ""),
    ],
)
def test_the_model_is_found_at_the_start_of_a_message(start: bytes, model: str) -> None:
    assert model_of(start) == model
