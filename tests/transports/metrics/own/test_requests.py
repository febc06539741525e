from __future__ import annotations

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from lightship.transports.metrics.own.requests import RequestMetrics
from lightship.transports.metrics.text import metrics_text

STAGES = np.array([[0.1, 0.2, 0.3, 0.4]])  # of one request


def counts(metrics: RequestMetrics) -> dict[tuple[str, ...], float]:
    (total, *_) = text_string_to_metric_families(metrics_text(metrics.families()[:1]).decode())
    return {tuple(sample.labels.values()): sample.value for sample in total.samples}


def test_requests_are_counted_by_model_method_transport_and_code() -> None:
    metrics = RequestMetrics(lambda: ["dog"])
    metrics.rest.succeeded("dog", "predict", STAGES)
    metrics.rest.succeeded("dog", "predict", STAGES.repeat(3, axis=0))
    metrics.grpc.succeeded("dog", "predict", STAGES)
    metrics.grpc.failed("dog", "classify", "INVALID_ARGUMENT")
    assert counts(metrics) == {
        ("dog", "predict", "rest", "OK"): 4,
        ("dog", "predict", "grpc", "OK"): 1,
        ("dog", "classify", "grpc", "INVALID_ARGUMENT"): 1,
    }


def test_names_that_clients_make_up_do_not_become_labels() -> None:
    metrics = RequestMetrics(lambda: ["dog"])
    for number in range(1000):
        metrics.rest.failed(f"made up {number}", "predict", "NOT_FOUND")
    assert counts(metrics) == {("", "predict", "rest", "NOT_FOUND"): 1000}


def test_models_that_come_and_go_do_not_grow_without_bound() -> None:
    models: list[str] = []
    metrics = RequestMetrics(lambda: models)
    for number in range(5000):
        models[:] = [f"m{number}"]
        metrics.rest.succeeded(f"m{number}", "predict", STAGES)
        metrics.rest.failed(f"m{number}", "predict", "INTERNAL")
    found = counts(metrics)
    assert len(found) <= 2 * 216
    assert found["m4999", "predict", "rest", "OK"] == found["m4999", "predict", "rest", "INTERNAL"] == 1


def test_stages_are_those_of_requests_that_run_a_model() -> None:
    metrics = RequestMetrics(lambda: ["dog"])
    metrics.rest.succeeded("dog", "predict", STAGES)
    metrics.grpc.succeeded("dog", "classify", STAGES)
    metrics.rest.succeeded("dog", "status", STAGES)
    page = metrics_text(metrics.families()).decode()
    for stage in ("wait", "decode", "run", "encode"):
        assert f'lightship_request_stage_seconds_count{{model="dog",stage="{stage}"}} 2\n' in page
    assert 'lightship_request_seconds_count{model="dog",method="status",transport="rest"} 1\n' in page
