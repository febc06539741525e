"""Load on real servers: what is counted, a server that stalls, and one that dies."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.client.conftest import FakeServer, Reply, fake_server
from tests.processes import freeze

from lightship.bench.child_server import ChildAddresses, ChildServer
from lightship.bench.exchange import CLOSED, REFUSED, TIMEOUT, WRONG_ANSWER
from lightship.bench.fleet import Fleet, Progress, RunCounts, RunPlan
from lightship.bench.payload import made_up
from lightship.bench.requests import Prepared, prepare, prepare_document
from lightship.bench.served import Served, find_served
from lightship.bench.usage import UsageMeter, server_processes
from lightship.client.address import parse_address
from lightship.client.results import ModelMetadata

__all__ = ["fake_server"]

ANSWER = {"predictions": [1.0]}
MODEL = Path(__file__).parents[1] / "models" / "half_plus_two"
STALL = 1.0  # seconds


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[ChildServer, ChildAddresses]]:
    with ChildServer(str(MODEL)) as started:
        yield started, started.wait_ready()


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(2) as started:
        yield started


def prepared(url: str, encoding: str = "list") -> Prepared:
    served = find_served(url, 30, None)
    return prepare(served, made_up(served.metadata, None, 2, {}), encoding, 30)  # type: ignore[arg-type]


def run(fleet: Fleet, one: Prepared, plan: RunPlan, tell: Callable[[Progress], None] | None = None) -> RunCounts:
    fleet.know("model", one.endpoint)
    return fleet.run("model", plan, tell=tell)


def once(after: float, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Acts when so many seconds were measured."""
    acted = threading.Event()

    def tell(progress: Progress) -> None:
        if progress.seconds > after and progress.answered and not acted.is_set():
            acted.set()
            act()

    return tell


@pytest.mark.slow
def test_every_protocol_and_encoding_is_measured(fleet: Fleet, server: tuple[ChildServer, ChildAddresses]) -> None:
    started, addresses = server
    for url in (addresses.rest, addresses.grpc):
        for encoding in ("list", "binary"):
            one = prepared(url, encoding)
            assert one.compared
            assert started.pid in server_processes(one.endpoint.family, one.endpoint.address)
            fleet.know("model", one.endpoint)
            closed = fleet.run("model", RunPlan(3, 2.0, 0.1), UsageMeter(frozenset({started.pid})))
            assert closed.errors == {}
            assert closed.seconds == 2.0
            assert closed.answered > 10
            assert abs(len(closed.latencies) - closed.answered) <= 6  # those that were under way at either end
            assert 0 < closed.latencies.percentile(50) <= closed.latencies.percentile(99.9)
            assert closed.usage is not None
            assert closed.usage.processor_seconds > 0
            assert closed.usage.memory > 1 << 20
            scheduled = run(fleet, one, RunPlan(8, 0.5, 0.1, rate=60.0))
            assert (scheduled.errors, len(scheduled.latencies)) == ({}, 30)


@pytest.mark.slow
def test_a_stalled_server_shows_in_the_latencies_of_a_constant_rate(
    fleet: Fleet, server: tuple[ChildServer, ChildAddresses]
) -> None:
    started, addresses = server

    def stall() -> None:
        freeze(started.pid)
        threading.Timer(STALL, os.kill, (started.pid, signal.SIGCONT)).start()

    one = prepared(addresses.rest)
    scheduled = run(fleet, one, RunPlan(4, 4.0, 0.2, timeout=60, rate=200.0), once(0.5, stall))
    assert (scheduled.errors, len(scheduled.latencies)) == ({}, 800)
    # A quarter of the requests were due while it stood still, and waited for 0 to 1 second: not only the four that it
    # had at that time.
    assert scheduled.latencies.percentile(99) > 0.8 * STALL
    assert scheduled.latencies.percentile(90) > 0.4 * STALL
    # In a closed loop hardly anybody asked meanwhile, so the same stall is hidden.
    closed = run(fleet, one, RunPlan(4, 4.0, 0.2, timeout=60), once(0.5, stall))
    assert closed.latencies.percentile(100) > 0.8 * STALL
    assert closed.latencies.percentile(90) < 0.4 * STALL


def test_a_server_that_dies_ends_the_run(fleet: Fleet) -> None:
    with ChildServer(str(MODEL)) as started:
        one = prepared(started.wait_ready().grpc)
        counts = run(
            fleet, one, RunPlan(4, 120.0, timeout=5.0), once(0.3, lambda: os.kill(started.pid, signal.SIGKILL))
        )
    assert (counts.dead, counts.stopped) == (True, True)
    assert counts.answered > 0
    assert counts.errors[REFUSED] > 0
    assert set(counts.errors) <= {REFUSED, CLOSED}
    assert counts.seconds < 120


def test_a_run_that_is_stopped_tells_what_it_measured(fleet: Fleet, server: tuple[ChildServer, ChildAddresses]) -> None:
    counts = run(fleet, prepared(server[1].grpc), RunPlan(2, 60.0), once(0.2, fleet.stop))
    assert (counts.stopped, counts.dead, counts.errors) == (True, False, {})
    assert 0.2 < counts.seconds < 60
    assert len(counts.latencies) > 0
    again = run(fleet, prepared(server[1].grpc), RunPlan(2, 0.2))
    assert (again.stopped, again.seconds) == (False, 0.2)


def served_by(fake: FakeServer) -> Served:
    address = parse_address(f"{fake.url}/v1/models/dog")
    port = int(address.base.rpartition(":")[2])
    return Served(address, "dog", ModelMetadata("dog", 1, {}), 2, ("127.0.0.1", port), None)


def test_errors_are_counted_by_their_kind(fleet: Fleet, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: Reply(200, ANSWER)
    one = prepare_document(served_by(fake_server), json.dumps({"instances": [1]}).encode(), 30)
    asked: list[object] = []

    def answer(request: object) -> Reply | None:
        asked.append(request)
        return (Reply(200, ANSWER), Reply(503, {}), Reply(200, {"predictions": [2.0]}), None)[len(asked) % 4]

    fake_server.answer = answer
    counts = run(fleet, one, RunPlan(1, 120.0), lambda progress: fleet.stop() if len(asked) > 8 else None)
    assert counts.answered > 0
    assert set(counts.errors) == {"HTTP 503", WRONG_ANSWER, CLOSED}


def test_a_request_that_is_not_answered_in_time_counts_with_its_wait(fleet: Fleet, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: Reply(200, ANSWER)
    one = prepare_document(served_by(fake_server), json.dumps({"instances": [1]}).encode(), 30)
    released = threading.Event()

    def answer(request: object) -> Reply:
        released.wait(60)
        return Reply(200, ANSWER)

    fake_server.answer = answer
    counts = run(fleet, one, RunPlan(2, 1.0, timeout=0.3, rate=20.0))
    released.set()
    assert counts.errors == {TIMEOUT: 20}
    assert counts.latencies.percentile(1) >= 0.3
    assert counts.answered == 0
