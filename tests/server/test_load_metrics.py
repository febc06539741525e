from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from lightship.bundle.bundle import Bundle
from lightship.engines import Engine
from lightship.errors import InvalidArgument, NotFound
from lightship.lifecycle.replay import Call
from lightship.lifecycle.servable import Servable, ServableId
from lightship.saved_model.reader import SavedModel
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
    attempts, latencies, *_ = metrics.families()
    assert attempts.samples == [
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="success"} 2',
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/broken",status="fail"} 1',
    ]
    (latency,) = latencies.samples
    assert latency.startswith(':tensorflow:cc:saved_model:load_latency{model_path="/m/1"} ')


def replay(servable: Servable, call: Call, iterations: int) -> int:
    if servable.id.version == 13:
        raise InvalidArgument("a bad record")
    return iterations


def test_warm_ups_are_timed_and_their_records_counted() -> None:
    metrics = LoadMetrics()
    replayed = metrics.replayed(replay)
    assert replayed(servable(1), no_call, 3) == 3
    assert replayed(servable(2), no_call, 0) == 0
    with pytest.raises(InvalidArgument):
        replayed(servable(13), no_call, 1)
    *_, warm_ups, records = metrics.families()
    name = ":tensorflow:serving:model_warmup"
    counts = [line for line in warm_ups.samples if line.startswith(f"{name}_latency_count")]
    assert counts == [
        f'{name}_latency_count{{model_path="/m/1",status="OK"}} 1',
        f'{name}_latency_count{{model_path="/m/13",status="INVALID_ARGUMENT"}} 1',
    ]
    assert records.samples == [f'{name}_records_read{{model_path="/m/1",status="OK"}} 3']


def servable(version: int) -> Servable:
    bundle = Bundle(Path(f"/m/{version}"), "m", version, cast(SavedModel, None))
    return Servable(ServableId("m", version), bundle, cast(Engine, None))


def no_call(servable: Servable, log: object) -> None:
    raise AssertionError


def test_versions_that_come_and_go_do_not_grow_without_bound() -> None:
    metrics = LoadMetrics()
    counted = metrics.counted(load)
    for number in range(3000):
        counted(ID, Path(f"/m/{number}"))
    attempts, latencies, *_ = metrics.families()
    assert len(attempts.samples) == len(latencies.samples) == 1000
    assert any('"/m/2999"' in line for line in attempts.samples)
