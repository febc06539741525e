"""A short turn over gRPC of what `make fuzz` does for longer; and that its oracle and its mutations do something."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import grpc
import pytest
from fuzz.answers import Wrong
from fuzz.case import Case, Ending
from fuzz.grpc.frames import attack, frames_case
from fuzz.grpc.methods import ASKING, PREDICT, RELOAD
from fuzz.grpc.mutations import mutated
from fuzz.grpc.oracle import Call, ask, check_tensor
from fuzz.grpc.turn import Turn, replay
from fuzz.grpc.wire import parsed, written
from fuzz.models import made
from fuzz.target import Target, started

from lightship.protos import PredictRequest, TensorProto

KINDS = ("drawn", "mutated", "frames", "Predict OK")


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with started(made(), "--allow-reload") as target:
        yield target


@pytest.mark.slow
def test_a_short_turn_finds_nothing(target: Target) -> None:
    codes = Counter[str]()
    for seed in range(1, 13):  # a busy machine needs more than one turn
        turn = Turn(target, seed, 5, ASKING)
        assert [find.what for find in turn.run()] == []
        codes.update(turn.codes)
        if min(codes[kind] for kind in KINDS) > 20:
            return
    raise AssertionError(f"too few cases: {codes}")


@pytest.mark.slow
def test_a_short_turn_of_reloads_finds_nothing() -> None:
    with started(made()[:1], "--allow-reload") as target:
        turn = Turn(target, 1, 2, (RELOAD,))
        assert [find.what for find in turn.run()] == []


@pytest.mark.tensorflow
def test_a_case_is_made_again(target: Target) -> None:
    frames = frames_case(PREDICT.path, b"", Random(1))
    assert replay(target, [Case(PREDICT.path, (b"\xff",), Ending.WAIT), frames]) == []


def test_a_connection_that_stays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.grpc.frames.PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Wrong, match="stays"):
        attack(deaf.getsockname()[1], Case("frames", (b"x",), Ending.HALF_CLOSE))


def answering(behaviour: Callable[[bytes, grpc.ServicerContext], bytes]) -> tuple[grpc.Server, int]:
    class Handlers(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
            return grpc.unary_unary_rpc_method_handler(behaviour)

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


@pytest.mark.parametrize(
    ("code", "text"), [("UNKNOWN", "Exception calling application"), ("INTERNAL", "oh"), ("NOT_FOUND", "x" * 2000)]
)
def test_a_server_that_does_wrong_is_found(code: str, text: str) -> None:
    def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode[code], text)

    server, port = answering(refuse)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(Wrong, match=text[:10]):
        ask(channel, Call(PREDICT.path, b""))
    server.stop(None).wait()


def test_a_tensor_must_be_whole() -> None:
    tensor = TensorProto(dtype=1, float_val=[1.0, 2.0])
    tensor.tensor_shape.dim.add(size=2)
    check_tensor(tensor)
    tensor.float_val.append(3.0)
    with pytest.raises(Wrong):
        check_tensor(tensor)


def test_messages_are_changed_in_many_ways() -> None:
    request = PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].float_val.extend([1.0, 2.0])
    data = request.SerializeToString()
    fields = parsed(data)
    assert fields is not None
    assert written(fields) == data
    random = Random(1)
    changed = {mutated(data, b"\x0a\x03abc", random) for _ in range(200)}
    assert len(changed) > 100
