"""HandleReloadConfigRequest: other models, what is said of those that fail, and how long is waited."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.server.grpc_process import eventually
from tests.transports.grpc.conftest import call, refusal

from lightship.server import Server, serve

Place = tuple[Server, grpc.Channel]


@pytest.fixture
def place(half_plus_two: Path) -> Iterator[Place]:
    with serve(f"half={half_plus_two}", rest_port=0, grpc_port="auto", poll_seconds=0.05) as server:
        assert server.wait_ready(60)
        with grpc.insecure_channel(server.grpc_address) as channel:
            yield server, channel


def config(*models: tuple[str, Path], more: str = "") -> str:
    listed = " ".join(
        f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" {more} }}' for name, path in models
    )
    return f"config {{ model_config_list {{ {listed} }} }}"


def test_new_models_answer_when_the_call_does(place: Place, half_plus_two: Path) -> None:
    server, channel = place
    answer = call(channel, "HandleReloadConfigRequest", config(("half", half_plus_two), ("other", half_plus_two)))
    assert answer.HasField("status")
    assert answer.status.error_code == 0
    assert server.manager.models() == ["half", "other"]
    assert server.manager.ready()


def test_an_empty_list_lets_go_of_all(place: Place) -> None:
    server, channel = place
    call(channel, "HandleReloadConfigRequest", "config { model_config_list {} }")
    assert server.manager.models() == []


@pytest.mark.parametrize("request_text", ["", "config {}", "config { custom_model_config {} }"])
def test_anything_but_a_list_is_refused(place: Place, request_text: str) -> None:
    text = (
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
    )
    assert refusal(place[1], "HandleReloadConfigRequest", request_text) == ("INVALID_ARGUMENT", text)


def test_a_new_model_that_fails_is_told(place: Place, half_plus_two: Path, tmp_path: Path) -> None:
    (tmp_path / "broken" / "1").mkdir(parents=True)
    server, channel = place
    models = config(("half", half_plus_two), ("broken", tmp_path / "broken"))
    code, text = refusal(channel, "HandleReloadConfigRequest", models)
    start = "1 model(s) did not become available: {{name: broken version: 1} due to error: NOT_FOUND: "
    assert (code, text[: len(start)]) == ("UNKNOWN", start)
    assert server.manager.models() == ["half", "broken"]


def test_a_label_of_a_version_that_is_not_there_is_refused(place: Place, half_plus_two: Path) -> None:
    labelled = config(("half", half_plus_two), more='version_labels { key: "new" value: 5 }')
    text = "Request to assign label to version 5 of model half, which is not currently available for inference"
    assert refusal(place[1], "HandleReloadConfigRequest", labelled) == ("FAILED_PRECONDITION", text)


def test_another_platform_is_refused(place: Place, half_plus_two: Path) -> None:
    other = config(("half", half_plus_two)).replace('"tensorflow"', '"other"')
    code, text = refusal(place[1], "HandleReloadConfigRequest", other)
    assert code == "INVALID_ARGUMENT"
    assert text.startswith("Illegal to change a model's platform. For model half platform was tensorflow")


def test_counters_that_are_asked_for_say_their_increase(place: Place, half_plus_two: Path) -> None:
    count = "/tensorflow/cc/saved_model/load_attempt_count"
    names = f'metric_names: "{count}" metric_names: "/no/such/metric"'
    models = config(("half", half_plus_two), ("other", half_plus_two))
    answer = call(place[1], "HandleReloadConfigRequest", f"{models} {names}")
    assert [(one.name, one.int64_value_increase) for one in answer.metric] == [(count, 1), ("/no/such/metric", 0)]


def test_a_client_that_goes_ends_the_waiting_and_nothing_else(
    place: Place, half_plus_two: Path, tmp_path: Path
) -> None:
    server, channel = place
    models = config(("half", half_plus_two), ("late", tmp_path / "late"))
    code, _ = refusal(channel, "HandleReloadConfigRequest", models, timeout=3)
    assert code == "DEADLINE_EXCEEDED"
    assert server._endpoints is not None
    assert server._endpoints.grpc is not None
    own = server._endpoints.grpc
    assert eventually(lambda: own.waiting == 0)
    assert server.manager.models() == ["half", "late"]


def test_the_end_of_the_server_ends_the_waiting(place: Place, half_plus_two: Path, tmp_path: Path) -> None:
    server, channel = place
    seen: list[tuple[str, str]] = []
    models = config(("half", half_plus_two), ("late", tmp_path / "late"))
    asking = threading.Thread(
        target=lambda: seen.append(refusal(channel, "HandleReloadConfigRequest", models, timeout=60))
    )
    asking.start()
    assert server.manager.wait(lambda manager: "late" in manager.models(), 60)
    server.stop()
    asking.join(60)
    assert seen == [("CANCELLED", "the server is stopping and did not wait for the new models")]
