"""A server that has answered many requests, and large ones, takes no more memory than before."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.load import request_bytes
from benchmarks.memory import body_of, send
from fuzz.target import Target, started

PATH = "/v1/models/half_plus_two:predict"
SMALL = request_bytes(PATH, b'{"instances": [[1.0], [2.0], [5.0]]}')


def grown(target: Target, request: bytes, count: int, most: float) -> float:
    """Megabytes by which the server has grown after so many requests, once that is below `most` or time is over."""
    before = target.resident_megabytes()
    send(target, request, count)
    return target.settled_megabytes(before + most, 20) - before


@pytest.mark.slow
def test_memory_stays_as_it_is(half_plus_two: Path) -> None:
    with started([half_plus_two]) as target:
        send(target, SMALL, 200)
        assert grown(target, SMALL, 20_000, 10) < 10
        large = request_bytes(PATH, body_of(50))
        send(target, large, 1)
        target.settled_megabytes(0, 4)  # what is kept for the next one is given back after 2 seconds
        assert grown(target, large, 3, 60) < 60
