from __future__ import annotations

import numpy as np

from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.text import metrics_text

ONE = np.array([0.001])  # the seconds of one request


def counts(metrics: Metrics) -> list[str]:
    return metrics.families()[0].samples


def test_names_that_nobody_serves_do_not_grow_without_bound() -> None:
    metrics = Metrics(lambda: ["m"])
    for number in range(5000):
        metrics.failed(f"stranger-{number}", "NOT_FOUND")
    metrics.failed("x" * 1000, "NOT_FOUND")
    metrics.succeeded("rest", "m", "predict", ONE)
    lines = counts(metrics)
    assert len(lines) < 110
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 1' in lines


def test_models_that_come_and_go_do_not_grow_without_bound() -> None:
    models: list[str] = []
    metrics = Metrics(lambda: models)
    for number in range(5000):
        models[:] = [f"m{number}"]
        metrics.succeeded("rest", f"m{number}", "predict", ONE)
        metrics.failed(f"m{number}", "INTERNAL")
    lines = counts(metrics)
    assert len(lines) <= 2 * 201
    assert ':tensorflow:serving:request_count{model_name="m4999",status="OK"} 1' in lines
    assert ':tensorflow:serving:request_count{model_name="m4999",status="INTERNAL"} 1' in lines


def test_all_models_that_are_configured_are_counted() -> None:
    models = [f"m{number}" for number in range(3000)]
    metrics = Metrics(lambda: models)
    for model in models:
        metrics.succeeded("rest", model, "predict", ONE)
    assert len(counts(metrics)) == 3000


def test_labels_are_escaped() -> None:
    metrics = Metrics(list)
    metrics.failed('a"b\\c\nd', "NOT_FOUND")
    assert counts(metrics) == [r':tensorflow:serving:request_count{model_name="a\"b\\c\nd",status="NOT_FOUND"} 1']


def test_a_latency_falls_into_the_first_bucket_above_it() -> None:
    metrics = Metrics(lambda: ["m"])
    metrics.succeeded("rest", "m", "predict", np.array([10e-6]))
    text = metrics_text(metrics.families()).decode()
    assert 'le="10"} 0\n' in text
    assert 'le="18"} 1\n' in text
    assert 'request_latency_sum{model_name="m",API="predict",entrypoint="REST"} 10\n' in text
