"""How calls of gRPC end early, and how its server ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.server.conftest import Run
from tests.server.grpc_process import PREDICT, eventually, request
from tests.server.grpc_serving import closed, handles, predict

from lightship import protos
from lightship.errors import FailedPrecondition
from lightship.server import Server, serve
from lightship.transports.grpc.options import GrpcOptions


def test_a_call_that_times_out_gives_its_handle_back(served: Callable[..., Server], slow: Any) -> None:
    server = served()
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        grpc.channel_ready_future(channel).result(60)
        pending = channel.unary_unary(PREDICT).future(request(), timeout=5)  # in which the run must begin
        assert engine.begun.acquire(timeout=60)
        assert pending.exception(60).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert handles(server) == 1
        engine.go_on.set()
        assert eventually(lambda: handles(server) == 0)
        assert predict(channel) == [3.0]


def test_a_call_that_is_cancelled_gives_its_handle_back(served: Callable[..., Server], slow: Any) -> None:
    server = served()
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        pending = channel.unary_unary(PREDICT).future(request(), timeout=60)
        assert engine.begun.acquire(timeout=60)
        pending.cancel()
        engine.go_on.set()
        assert eventually(lambda: handles(server) == 0)


def test_a_call_whose_time_is_up_before_its_turn_is_not_run(served: Callable[..., Server], slow: Any) -> None:
    server = served(grpc=GrpcOptions(runs=1))
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        first = channel.unary_unary(PREDICT).future(request(), timeout=60)
        assert engine.begun.acquire(timeout=60)
        with pytest.raises(grpc.RpcError):
            predict(channel, timeout=0.2)
        own = server._endpoints.grpc  # type: ignore[union-attr]
        assert eventually(lambda: own is not None and own.unfinished == 1)
        cancelled = channel.unary_unary(PREDICT).future(request(), timeout=60)
        assert eventually(lambda: own is not None and own.unfinished == 2)
        cancelled.cancel()
        assert eventually(lambda: own is not None and own.unfinished == 1)
        engine.go_on.set()
        assert first.result(60)
        assert predict(channel) == [3.0]
    assert engine.runs == 2
    assert eventually(lambda: handles(server) == 0)


@pytest.mark.parametrize("timeout", [None, 1e8])
def test_a_call_without_a_deadline_waits_for_its_turn(served: Callable[..., Server], slow: Any, timeout: Any) -> None:
    server = served(grpc=GrpcOptions(runs=1))
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        pending = [channel.unary_unary(PREDICT).future(request(), timeout=timeout) for _ in range(3)]
        assert engine.begun.acquire(timeout=60)
        own = server._endpoints.grpc  # type: ignore[union-attr]
        assert eventually(lambda: own is not None and own.unfinished == 3)
        engine.go_on.set()
        assert all(one.result(60) for one in pending)


def test_other_calls_are_answered_while_all_turns_are_taken(served: Callable[..., Server], slow: Any) -> None:
    server = served(grpc=GrpcOptions(runs=1))
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        first = channel.unary_unary(PREDICT).future(request(), timeout=60)
        assert engine.begun.acquire(timeout=60)
        check = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=60)
        assert protos.HealthCheckResponse.FromString(check).status == 1
        engine.go_on.set()
        assert first.result(60)


def test_stopping_answers_what_was_sent_and_takes_nothing_more(served: Callable[..., Server], slow: Any) -> None:
    server = served()
    engine, address = slow(server), server.grpc_address
    with grpc.insecure_channel(address) as channel:
        pending = [channel.unary_unary(PREDICT).future(request(), timeout=60) for _ in range(3)]
        for _ in pending:
            assert engine.begun.acquire(timeout=60)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert eventually(lambda: closed(address))
        engine.go_on.set()
        assert all(one.result(60) for one in pending)
        stopping.join(60)
    assert not stopping.is_alive()


def test_calls_that_take_too_long_are_cut_off_and_reported(half_plus_two: Path, slow: Any) -> None:
    server = serve(f"m={half_plus_two}", rest_port=0, grpc_port="auto", drain_seconds=0.3)
    assert server.wait_ready(60)
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        pending = channel.unary_unary(PREDICT).future(request(), timeout=60)
        assert engine.begun.acquire(timeout=60)
        ended: list[str] = []

        def stop() -> None:
            try:
                server.stop()
            except FailedPrecondition as error:
                ended.append(error.message)

        stopping = threading.Thread(target=stop)
        stopping.start()
        assert isinstance(pending.exception(60), grpc.RpcError)
        engine.go_on.set()
        stopping.join(60)
    assert ended == ["1 calls had not finished after 0.3 seconds and were cancelled"]


def test_sigterm_lets_calls_under_way_finish(run: Run, half_plus_two: Path) -> None:
    process = run(f"m={half_plus_two}", grpc=True)
    address = f"127.0.0.1:{process.grpc_port}"
    faults: list[tuple[grpc.StatusCode, str]] = []
    stop, done = threading.Event(), []

    def ask() -> None:
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            while not stop.is_set():
                try:
                    done.append(predict(channel))
                except grpc.RpcError as error:
                    faults.append((error.code(), error.details()))
                    return

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    assert eventually(lambda: len(done) > 50)
    process.signal(signal.SIGTERM)
    code, log = process.ended()
    stop.set()
    for thread in asking:
        thread.join(30)
    assert code == 0, log
    refused = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}  # by gRPC's core, before they came to us
    assert {code for code, _ in faults} <= refused, faults
    assert all(answer == [3.0] for answer in done)
