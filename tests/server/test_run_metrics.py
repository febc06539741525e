"""Runs on the event loop are noted, and counted before anybody reads the metrics."""

from __future__ import annotations

import threading

from prometheus_client.parser import text_string_to_metric_families

from lightship.server.model_metrics import ModelMetrics
from lightship.transports.metrics.notes import MAX_NOTES
from lightship.transports.metrics.text import metrics_text

THREADS = 6
EACH = 2000


def value(metrics: ModelMetrics, sample: str, **labels: str) -> float:
    families = metrics.families() if sample.startswith(":") else metrics.own_families()
    page = text_string_to_metric_families(metrics_text(families).decode())
    samples = (one for family in page for one in family.samples)  # the parser adds _total to names of counters
    return sum(one.value for one in samples if one.name == sample and labels.items() <= one.labels.items())


def test_a_run_is_counted_for_each_call_that_it_answered() -> None:
    metrics = ModelMetrics()
    ran = metrics.runs.of("dog")
    ran(0.001, 1, 1)
    ran(0.002, 4, 8)
    metrics.runs.of("cat")(0.005, 1, 1)
    assert value(metrics, ":tensorflow:core:graph_runs_total") == 3
    assert value(metrics, ":tensorflow:core:graph_run_time_usecs_total") == 8000
    assert value(metrics, ":tensorflow:serving:runtime_latency_count", model_name="dog", API="Predict") == 5
    assert value(metrics, ":tensorflow:serving:runtime_latency_sum", model_name="dog") == 9000
    assert value(metrics, "lightship_joined_runs_total", model="dog") == 1
    assert value(metrics, "lightship_joined_calls_total", model="dog") == 4
    assert value(metrics, "lightship_joined_rows_sum") == 8


def test_joined_runs_are_counted_even_if_only_our_own_metrics_are_read() -> None:
    metrics = ModelMetrics()
    metrics.runs.of("dog")(0.002, 4, 8)
    assert value(metrics, "lightship_joined_calls_total", model="dog") == 4


def test_no_run_is_lost_while_threads_note_and_read() -> None:
    metrics, seen = ModelMetrics(), list[float]()

    def run(model: str) -> None:
        ran = metrics.runs.of(model)
        for number in range(EACH):
            ran(0.001, 1 + number % 2, 1)

    threads = [threading.Thread(target=run, args=(f"m{number % 2}",)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.append(value(metrics, ":tensorflow:core:graph_runs_total"))
    assert seen == sorted(seen)
    assert value(metrics, ":tensorflow:core:graph_runs_total") == THREADS * EACH
    for model in ("m0", "m1"):
        latency = ":tensorflow:serving:runtime_latency_count"
        assert value(metrics, latency, model_name=model) == THREADS / 2 * EACH * 1.5
        assert value(metrics, "lightship_joined_runs_total", model=model) == THREADS / 2 * EACH / 2


def test_what_is_noted_does_not_grow_without_bound() -> None:
    metrics = ModelMetrics()
    ran = metrics.runs.of("dog")
    for _ in range(10_000):
        ran(0.001, 1, 1)
        assert len(metrics.runs._notes) < MAX_NOTES
