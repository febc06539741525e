"""How large a message may be, and what is said of a larger one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.server.grpc_process import PREDICT, GrpcProcess, grpc_process, request, values_of
from tests.server.http2 import Http2, message

from lightship import protos

RESOURCE_EXHAUSTED = 8
MAX_BYTES = 2**31 - 1


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[GrpcProcess]:
    with grpc_process(f"m={half_plus_two}") as process:
        yield process


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 2**32 - 1])
def test_a_larger_one_is_refused_and_its_length_alone_takes_no_memory(server: GrpcProcess, size: int) -> None:
    before = server.resident_megabytes
    with Http2(server.port) as client:
        answer = client.ask(message(b"", length=size))
        assert answer.status == RESOURCE_EXHAUSTED, answer.text
    assert server.resident_megabytes < before + 50


def test_the_largest_is_waited_for_and_takes_memory_only_as_it_comes(server: GrpcProcess) -> None:
    before = server.resident_megabytes
    with Http2(server.port) as client:
        stream = client.start()
        client.send(stream, message(bytes(1_000_000), length=MAX_BYTES), end=False)
        assert values_of(client.ask(message(request())).message) == [3.0]
        assert not client.answers[stream].over
        assert server.resident_megabytes < before + 100
    assert server.predict() == [3.0]


@pytest.mark.slow
def test_300_megabytes_go_both_ways(server: GrpcProcess) -> None:
    values = np.arange(75_000_000, dtype=np.float32)
    with server.channel() as channel:
        answer = channel.unary_unary(PREDICT)(request(values), timeout=200)
    assert len(answer) > 300_000_000
    output = protos.PredictResponse.FromString(answer).outputs["y"]
    assert np.array_equal(np.array(output.float_val, np.float32), values / 2 + 2)
