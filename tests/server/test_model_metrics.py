"""What is counted by model does not grow with the models that there have been."""

from __future__ import annotations

from lightship.server.call_metrics import CallMetrics
from lightship.server.join_metrics import JoinMetrics

MODELS = 3000


def test_calls_of_models_that_come_and_go_do_not_grow_without_bound() -> None:
    metrics = CallMetrics()
    served = metrics.of("served")
    for number in range(MODELS):
        metrics.of(f"m{number}").answered("Predict", 1.0)
        if number % 100 == 0:
            assert metrics.of("served") is served  # it is loaded again
    served.answered("Predict", 1.0)
    latencies = metrics.families()[0].samples
    counts = [line for line in latencies if "_count{" in line]
    assert len(counts) <= 1000
    assert sum('model_name="served"' in line for line in counts) == 1


def test_joined_calls_of_models_that_come_and_go_do_not_grow_without_bound() -> None:
    metrics = JoinMetrics()
    for number in range(MODELS):
        metrics.joined(f"m{number}", 2, 2)
    runs = metrics.families()[0].samples
    assert len(runs) <= 1000
    assert f'lightship_joined_runs_total{{model="m{MODELS - 1}"}} 1' in runs
