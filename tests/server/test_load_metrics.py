from __future__ import annotations

from pathlib import Path

from lightship.errors import InvalidArgument, NotFound
from lightship.server.load_metrics import LoadMetrics


def test_attempts_are_counted_by_outcome() -> None:
    metrics = LoadMetrics()
    metrics.attempt_finished(Path("/m/1"), 0.5, None)
    metrics.attempt_finished(Path("/m/1"), 0.25, None)
    metrics.attempt_finished(Path("/m/broken"), 1.0, NotFound("there is nothing"))
    attempts, latencies, *_ = metrics.families()
    assert attempts.samples == [
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="success"} 2',
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/broken",status="fail"} 1',
    ]
    assert latencies.samples == [':tensorflow:cc:saved_model:load_latency{model_path="/m/1"} 750000']


def test_warm_ups_are_timed_and_their_records_counted() -> None:
    metrics = LoadMetrics()
    metrics.warm_up_finished(Path("/m/1"), 3, 0.5, None)
    metrics.warm_up_finished(Path("/m/13"), 0, 0.5, InvalidArgument("a bad record"))
    *_, warm_ups, records = metrics.families()
    name = ":tensorflow:serving:model_warmup"
    counts = [line for line in warm_ups.samples if line.startswith(f"{name}_latency_count")]
    assert counts == [
        f'{name}_latency_count{{model_path="/m/1",status="OK"}} 1',
        f'{name}_latency_count{{model_path="/m/13",status="INVALID_ARGUMENT"}} 1',
    ]
    sums = [line for line in warm_ups.samples if line.startswith(f"{name}_latency_sum")]
    assert sums[0] == f'{name}_latency_sum{{model_path="/m/1",status="OK"}} 500000'
    assert records.samples == [f'{name}_records_read{{model_path="/m/1",status="OK"}} 3']


def test_versions_that_come_and_go_do_not_grow_without_bound() -> None:
    metrics = LoadMetrics()
    for number in range(3000):
        metrics.attempt_finished(Path(f"/m/{number}"), 0.001, None)
    attempts, latencies, *_ = metrics.families()
    assert len(attempts.samples) == len(latencies.samples) == 1000
    assert any('"/m/2999"' in line for line in attempts.samples)
