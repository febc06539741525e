"""What each worker gets of the machine and of the server's limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightship.server.options import MIN_MEMORY_BUDGET, ServerOptions
from lightship.server.workers import shares
from lightship.server.workers.shares import by_place, options_of, processors_of, split, worker_count
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.http.limits import Limits


@pytest.mark.parametrize(
    ("cpus", "workers", "expected"),
    [
        ([0, 1], 2, [(0,), (1,)]),
        ([4, 5, 6, 7, 8], 2, [(4, 5), (6, 7, 8)]),
        ([0, 1, 2], 3, [(0,), (1,), (2,)]),
        ([3, 9], 5, [(3,), (9,), (3,), (9,), (3,)]),
        ([0], 2, [(0,), (0,)]),
    ],
)
def test_processors_are_split(cpus: list[int], workers: int, expected: list[tuple[int, ...]]) -> None:
    assert [split(cpus, worker, workers) for worker in range(workers)] == expected


def test_the_two_threads_of_a_core_stay_together(tmp_path: Path) -> None:
    for cpu in range(8):  # as Linux numbers them: 0 and 4 are one core
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{cpu % 4 // 2}\n")
        (folder / "core_id").write_text(f"{cpu % 2}\n")
    assert by_place(set(range(8)), tmp_path) == [0, 4, 1, 5, 2, 6, 3, 7]
    assert by_place({7, 2, 5}, tmp_path / "none") == [2, 5, 7]


def test_workers_keep_to_the_processors_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 6, 7})
    monkeypatch.setattr(shares, "cpu_quota", lambda: 0.0)
    bound = [processors_of(worker, 2) for worker in range(2)]
    assert sorted(bound[0].bound + bound[1].bound) == [2, 3, 6, 7]
    assert {one.sharers for one in bound} == {1}


def test_a_quota_is_shared_without_binding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(shares, "cpu_quota", lambda: 4.0)
    assert processors_of(0, 2) == ((), 2)
    monkeypatch.setattr(shares, "cpu_quota", lambda: 64.0)
    assert len(processors_of(0, 2).bound) == 32


def test_limits_of_the_server_are_shared() -> None:
    options = ServerOptions(
        models=(),
        memory_budget=1 << 30,
        threads=3,
        grpc=GrpcOptions(runs=1, channel_arguments=(("unknown", 1), ("grpc.max_concurrent_streams", 7))),
        limits=Limits(connections=100),
        workers=4,
    )
    one = options_of(options, 4)
    assert (one.memory_budget, one.threads, one.grpc.runs, one.limits.connections) == (1 << 28, 1, 1, 25)
    assert one.grpc.channel_arguments == (("grpc.max_concurrent_streams", 7),)
    assert (one.workers, one.model_config_file) == (1, None)


def test_no_limit_stays_none_and_no_share_is_too_small() -> None:
    one = options_of(ServerOptions(models=(), memory_budget=MIN_MEMORY_BUDGET), 8)
    assert (one.memory_budget, one.threads, one.limits.connections) == (MIN_MEMORY_BUDGET, 0, 0)


def test_auto_is_one_per_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "available_cpus", lambda: 3)
    assert worker_count(ServerOptions(models=(), workers="auto")) == 3
    assert worker_count(ServerOptions(models=(), workers=5)) == 5
