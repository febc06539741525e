"""Workers that hang are ended, and others take their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.processes import freeze
from tests.server.workers.conftest import add_version, eventually

from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.server import Server, ServerOptions, parse_model_argument
from lightship.server.workers import hanging, supervisor


def test_a_worker_that_hangs_does_not_hold_up_a_version(
    models: Path, half_plus_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(hanging, "MAX_LOOKS", 25)
    options = ServerOptions(
        models=[parse_model_argument(models)], rest_port="auto", grpc_port=0, workers=2, poll_seconds=0.1
    )
    with Server(options) as server:
        assert server.wait_ready(120)
        assert server._supervisor is not None
        fleet = server._supervisor.fleet
        eventually(lambda: [link.member for link in fleet.links] == [True, True])
        stopped = fleet.links[0]
        freeze(stopped.process.pid)
        add_version(models, half_plus_two, 2)
        eventually(lambda: server.manager.versions("m")[0] == ModelVersionStatus(2, State.AVAILABLE))
        assert stopped not in fleet.links
        eventually(lambda: [link.member for link in fleet.links] == [True, True])
