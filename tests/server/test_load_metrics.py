from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from lightship.errors import NotFound
from lightship.lifecycle.servable import Servable, ServableId
from lightship.server.load_metrics import LoadMetrics

ID = ServableId("m", 1)


def load(id: ServableId, path: Path) -> Servable:
    if path.name == "broken":
        raise NotFound("there is nothing")
    return cast(Servable, None)


def test_attempts_are_counted_by_outcome_and_errors_go_on() -> None:
    metrics = LoadMetrics()
    counted = metrics.counted(load)
    counted(ID, Path("/m/1"))
    counted(ID, Path("/m/1"))
    with pytest.raises(NotFound):
        counted(ID, Path("/m/broken"))
    attempts, latencies = metrics.families()
    assert attempts.samples == [
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="success"} 2',
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/broken",status="fail"} 1',
    ]
    (latency,) = latencies.samples
    assert latency.startswith(':tensorflow:cc:saved_model:load_latency{model_path="/m/1"} ')


def test_versions_that_come_and_go_do_not_grow_without_bound() -> None:
    metrics = LoadMetrics()
    counted = metrics.counted(load)
    for number in range(3000):
        counted(ID, Path(f"/m/{number}"))
    attempts, latencies = metrics.families()
    assert len(attempts.samples) == len(latencies.samples) == 1000
    assert any('"/m/2999"' in line for line in attempts.samples)
