"""Requests are noted when they end, and counted before anybody reads the metrics."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.notes import MAX_NOTES
from lightship.transports.metrics.own.requests import RequestMetrics
from lightship.transports.metrics.request_counter import RequestCounter
from lightship.transports.metrics.text import metrics_text

STAGES = (0.001, 0.002, 0.003, 0.004)
THREADS = 6
EACH = 2000


class Counted:
    """A counter of REST requests and one of gRPC calls, and what their metrics tell."""

    def __init__(self, models: Sequence[str] = ("cat", "dog")) -> None:
        self.theirs, self.ours = Metrics(lambda: models), RequestMetrics(lambda: models)
        self.rest = RequestCounter(self.theirs, self.ours.rest)
        self.grpc = RequestCounter(self.theirs, self.ours.grpc)

    def value(self, sample: str, **labels: str) -> float:
        families = self.theirs.families() if sample.startswith(":") else self.ours.families()
        page = text_string_to_metric_families(metrics_text(families).decode())
        samples = (one for family in page for one in family.samples)  # the parser adds _total to names of counters
        return sum(one.value for one in samples if one.name == sample and labels.items() <= one.labels.items())


def succeed(counter: RequestCounter, model: str = "dog", method: str = "predict", times: int = 1) -> None:
    counter.succeeded(model, method, method, 0.01, STAGES, times)


def test_a_request_is_counted_in_both_kinds_of_metrics_before_either_is_read() -> None:
    counted = Counted()
    succeed(counted.rest)
    succeed(counted.grpc, times=3)
    labels = {"model": "dog", "method": "predict", "transport": "grpc"}
    assert counted.value("lightship_requests_total", **labels, code="OK") == 3
    assert counted.value("lightship_request_seconds_sum", **labels) == pytest.approx(0.03)
    assert counted.value("lightship_request_stage_seconds_sum", stage="run") == pytest.approx(0.012)
    assert counted.value(":tensorflow:serving:request_count_total", model_name="dog", status="OK") == 4
    latency = ":tensorflow:serving:request_latency_sum"
    assert counted.value(latency, entrypoint="GRPC", API="predict") == pytest.approx(30_000)
    assert counted.value(latency, entrypoint="REST", API="predict") == pytest.approx(10_000)


def test_requests_of_several_models_and_methods_are_counted_apart() -> None:
    counted = Counted()
    for times, model, method in ((1, "dog", "predict"), (2, "cat", "predict"), (4, "dog", "classify")):
        for _ in range(5):
            succeed(counted.rest, model, method, times)
    for times, model, method in ((1, "dog", "predict"), (2, "cat", "predict"), (4, "dog", "classify")):
        assert counted.value("lightship_requests_total", model=model, method=method) == 5 * times
        latency = ":tensorflow:serving:request_latency_count"
        assert counted.value(latency, model_name=model, API=method) == 5 * times


def test_a_request_may_count_in_one_kind_of_metrics_only() -> None:
    counted = Counted()
    counted.grpc.succeeded("dog", None, "metadata", 0.01, STAGES)
    counted.grpc.failed("dog", None, "metadata", "INTERNAL")
    counted.grpc.succeeded("dog", None, None, 0.01, STAGES)
    counted.grpc.failed("dog", None, None, "INTERNAL")
    assert counted.value(":tensorflow:serving:request_count_total") == 0
    assert counted.value("lightship_requests_total", method="metadata", code="OK") == 1
    assert counted.value("lightship_requests_total") == 2


def test_a_wait_of_less_than_no_time_counts_as_none() -> None:
    counted = Counted()
    counted.rest.succeeded("dog", "predict", "predict", 0.01, (-0.5, 0.0, 0.0, 0.25))
    assert counted.value("lightship_request_stage_seconds_sum", stage="wait") == 0
    assert counted.value("lightship_request_seconds_sum") == 0.25


def test_nothing_is_lost_while_threads_count_and_read() -> None:
    counted, seen = Counted(), list[float]()

    def count(one: RequestCounter, model: str) -> None:
        for number in range(EACH):
            succeed(one, model, times=1 + number % 3)
            if number % 10 == 0:
                one.failed(model, "predict", "predict", "INTERNAL")

    kinds = [(one, model) for one in (counted.rest, counted.grpc) for model in ("cat", "dog", "dog")]
    threads = [threading.Thread(target=count, args=kind) for kind in kinds]
    assert len(threads) == THREADS
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.append(counted.value("lightship_requests_total", code="OK"))
    each = sum(1 + number % 3 for number in range(EACH))
    assert seen == sorted(seen)
    for model, several in (("cat", 2), ("dog", 4)):
        assert counted.value("lightship_requests_total", model=model, code="OK") == several * each
        assert counted.value("lightship_requests_total", model=model, code="INTERNAL") == several * EACH / 10
        count_name = ":tensorflow:serving:request_count_total"
        assert counted.value(count_name, model_name=model, status="OK") == several * each
        assert counted.value(count_name, model_name=model, status="INTERNAL") == several * EACH / 10
    stage_sum = counted.value("lightship_request_stage_seconds_sum", stage="decode")
    assert stage_sum == pytest.approx(THREADS * each * 0.002)


def test_what_is_noted_does_not_grow_without_bound() -> None:
    counted = Counted()
    for _ in range(10_000):
        succeed(counted.rest)
        assert len(counted.rest._notes) < MAX_NOTES


def test_a_model_that_was_removed_meanwhile_is_counted() -> None:
    models = ["dog"]
    counted = Counted(models)
    succeed(counted.rest)
    models.clear()
    assert counted.value("lightship_requests_total", model="dog") == 1
    assert counted.value(":tensorflow:serving:request_count_total", model_name="dog") == 1
