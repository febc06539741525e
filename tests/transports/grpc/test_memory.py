"""The memory budget over gRPC: what does not fit is refused, and every ending of a call gives its memory back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx2
import pytest
from tests.server.http2 import Http2
from tests.server.http2 import message as framed
from tests.transports.grpc.conftest import call, refusal

from lightship import protos
from lightship.memory_budget import MemoryBudget
from lightship.server import Server, serve
from lightship.tensors.varint import encode_varint
from lightship.transports.grpc.message_memory import message_memory

BUDGET = 64 << 20


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(f"half={half_plus_two}", rest_port="auto", grpc_port="auto", memory_budget=BUDGET) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.grpc_address, options=options) as opened:
        yield opened


@pytest.fixture
def budget(server: Server) -> Iterator[MemoryBudget]:
    """The one budget of both transports, which is free again after each test."""
    budget = server._endpoints.app.budget  # type: ignore[union-attr]
    yield budget
    end = time.monotonic() + 60
    while budget.taken and time.monotonic() < end:
        threading.Event().wait(0.01)
    assert budget.taken == 0


def request(count: int = 1, values: int = 1) -> protos.PredictRequest:
    """A tensor of `count` numbers, of which so many are sent and the last is repeated."""
    message = protos.PredictRequest()
    message.model_spec.name = "half"
    tensor = message.inputs["x"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add().size = count
    tensor.float_val.extend([1.0] * values)
    return message


def test_a_small_call_is_answered_and_leaves_nothing(channel: grpc.Channel, budget: MemoryBudget) -> None:
    assert list(call(channel, "Predict", request()).outputs["y"].float_val) == [2.5]


def test_a_message_that_alone_exceeds_the_budget_is_exhausted(channel: grpc.Channel, budget: MemoryBudget) -> None:
    code, details = refusal(channel, "Predict", request(8 << 20, 8 << 20))
    assert code == "RESOURCE_EXHAUSTED"
    assert f"the memory budget of all requests is {BUDGET} bytes" in details


def test_one_value_that_is_repeated_to_a_huge_shape_is_exhausted(channel: grpc.Channel, budget: MemoryBudget) -> None:
    code, details = refusal(channel, "Predict", request(17 << 20))
    assert code == "RESOURCE_EXHAUSTED"
    assert "--memory-budget" in details


def test_outputs_that_do_not_fit_are_exhausted(channel: grpc.Channel, budget: MemoryBudget) -> None:
    code, _ = refusal(channel, "Predict", request(3 << 20))  # 12 MB of inputs, which become 72 MB with the answer
    assert code == "RESOURCE_EXHAUSTED"


def test_what_does_not_fit_now_is_exhausted_and_may_be_sent_again(
    server: Server, channel: grpc.Channel, budget: MemoryBudget
) -> None:
    with budget.reservation() as other:
        other.grow(BUDGET - (1 << 20))
        code, details = refusal(channel, "Predict", request(2 << 20))
        assert code == "RESOURCE_EXHAUSTED"
        assert re.search(r"Try again in \d+ s", details)
        body = b'{"instances": [' + b"1.0," * (1 << 18) + b"1.0]}"
        assert httpx2.post(f"{server.rest_url}/v1/models/half:predict", content=body).status_code == 503
        assert list(call(channel, "Predict", request()).outputs["y"].float_val) == [2.5]
    assert len(call(channel, "Predict", request(1 << 20)).outputs["y"].float_val) == 1 << 20


def test_a_cancelled_call_leaves_nothing(channel: grpc.Channel, budget: MemoryBudget) -> None:
    method = "/tensorflow.serving.PredictionService/Predict"
    ask = channel.unary_unary(method, protos.PredictRequest.SerializeToString, protos.PredictResponse.FromString)
    calls = [ask.future(request(1 << 20), timeout=60) for _ in range(4)]
    for one in calls:
        one.cancel()
    late = ask.future(request(1 << 20), timeout=0.001)
    assert late.exception(60) is not None


def test_an_erroneous_call_leaves_nothing(channel: grpc.Channel, budget: MemoryBudget) -> None:
    message = request(100_000, 100_000)
    message.inputs["x"].dtype = 2
    assert refusal(channel, "Predict", message)[0] == "INVALID_ARGUMENT"


def delimited(field: int, content: bytes) -> bytes:
    return encode_varint(field << 3 | 2) + encode_varint(len(content)) + content


def of_tensor(content: bytes) -> bytes:
    return delimited(2, delimited(1, b"x") + delimited(2, content))


# The factors were measured: the resident memory of the parsed message for each byte.
@pytest.mark.parametrize(
    ("message", "least", "most"),
    [
        (of_tensor(delimited(2, b"\x12\x00" * 500_000)), 23, 30),
        (of_tensor(b"\x42\x00" * 500_000), 17, 30),
        (of_tensor(delimited(10, b"\x01" * 1_000_000)), 16, 20),
        (of_tensor(delimited(5, b"\x00" * 1_000_000)), 2, 4),
        (of_tensor(delimited(4, b"\x01" * 1_000_000)), 2, 4),
        (b"\x12\x00" * 500_000, 80, 90),
    ],
    ids=["dimensions", "strings", "packed integers", "packed floats", "content", "inputs"],
)
def test_the_memory_of_a_message_is_estimated_from_its_fields(message: bytes, least: int, most: int) -> None:
    estimate = message_memory(message, protos.PredictRequest.DESCRIPTOR)
    assert least * len(message) <= estimate <= most * len(message)


def test_broken_and_deeply_nested_messages_are_estimated_too() -> None:
    nested = b""
    for _ in range(2000):
        nested = delimited(15, delimited(3, nested))
    for message in (of_tensor(nested), b"\xff" * 10_000, b"\x12\xff\xff\xff\xff\x0f" * 2000, b"\x12" * 9999):
        assert message_memory(message, protos.PredictRequest.DESCRIPTOR) > 0


def test_a_message_that_does_not_go_on_loses_its_memory_to_others(
    server: Server, channel: grpc.Channel, budget: MemoryBudget
) -> None:
    with Http2(server.grpc_port) as stalled:
        stream = stalled.start()
        stalled.send(stream, framed(bytes(55 << 20), length=60 << 20), end=False)
        until(lambda: budget.taken > 55 << 20)
        large, end = request(1 << 19), time.monotonic() + 60
        while outcome(channel, large) == "RESOURCE_EXHAUSTED":
            assert time.monotonic() < end
            threading.Event().wait(0.1)
        answer = stalled.answer(stream)
        assert answer.status == 8
        assert "other requests need its memory" in answer.text
        assert answer.headers["grpc-retry-pushback-ms"] == "1000"


def outcome(channel: grpc.Channel, message: protos.PredictRequest) -> str:
    try:
        call(channel, "Predict", message)
    except grpc.RpcError as error:
        return str(error.code().name)  # type: ignore[attr-defined]
    return "OK"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


@pytest.mark.parametrize("ending", ["reset", "vanish", "deadline"])
def test_an_unfinished_message_is_counted_until_its_call_ends(
    server: Server, budget: MemoryBudget, ending: str
) -> None:
    with Http2(server.grpc_port) as client:
        stream = client.start(headers=[("grpc-timeout", "5S")] if ending == "deadline" else [])
        client.send(stream, framed(bytes(1 << 20), length=30 << 20), end=False)  # little: it must be there in time
        until(lambda: budget.taken > 1 << 20)
        if ending == "reset":
            client.h2.reset_stream(stream, 8)
            client.flush()
        elif ending == "vanish":
            client.vanish()
        until(lambda: budget.taken == 0)


def test_an_answer_is_counted_until_its_client_has_taken_it(server: Server, budget: MemoryBudget) -> None:
    with Http2(server.grpc_port, settings={4: 1000}) as client:
        stream = client.start()
        client.takes = False
        client.send(stream, framed(bytes(request(1 << 20).SerializeToString())))
        client.read()
        until(lambda: 4 << 20 <= budget.taken <= 5 << 20)
        client.h2.reset_stream(stream, 8)
        client.flush()
        until(lambda: budget.taken == 0)
