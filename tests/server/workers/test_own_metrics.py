"""The metrics of our own are those of the whole server, whichever worker answers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.server.workers.conftest import Served, Start, eventually
from tests.server.workers.test_whole import count

CALLS = 'lightship_requests_total{model="m",method="predict",transport="rest",code="OK"}'
STAGES = 'lightship_request_stage_seconds_count{model="m",stage="run"}'
READY = 'lightship_model_ready{model="m"}'
SERVING = 'lightship_workers{state="SERVING"}'
RESTARTS = "lightship_worker_restarts_total{}"


def metric(served: Served, sample: str) -> float:
    return count(served.get("/metrics")[1], sample)


def test_requests_are_added_up_and_states_are_not(start: Start, models: Path) -> None:
    served = start(models)
    for _ in range(12):
        assert served.predict()[0] == 200
    eventually(lambda: metric(served, SERVING) == 2, "not both workers serve")
    for _ in range(6):  # whichever answers
        assert metric(served, CALLS) == metric(served, STAGES) == 12
        assert metric(served, READY) == 1
        assert metric(served, RESTARTS) == 0


def test_a_worker_that_dies_is_counted_and_what_it_had_counted_stays(start: Start, models: Path) -> None:
    served = start(models)
    for _ in range(12):
        assert served.predict()[0] == 200
    assert metric(served, CALLS) == 12  # so that all of it was read
    os.kill(served.workers()[0], signal.SIGKILL)
    eventually(lambda: metric(served, RESTARTS) == 1 and metric(served, SERVING) == 2, "it was not started again")
    assert metric(served, CALLS) == 12
    assert metric(served, "lightship_unfinished_requests{}") == 0
