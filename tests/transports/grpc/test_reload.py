"""HandleReloadConfigRequest: other models, what is said of those that fail, and how long is waited."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from tests.server.grpc_process import eventually
from tests.transports.grpc.conftest import call, refusal

from lightship.errors import DeadlineExceeded
from lightship.server import ModelConfig, Server, serve

Place = tuple[Server, grpc.Channel]


@pytest.fixture
def place(half_plus_two: Path) -> Iterator[Place]:
    options = {"rest_port": 0, "grpc_port": "auto", "poll_seconds": 0.05, "reload_root": Path("/")}
    with serve(f"half={half_plus_two}", **options) as server:
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


def serving(half_plus_two: Path, **options: Any) -> Server:
    return serve(f"half={half_plus_two}", **{"rest_port": 0, "grpc_port": "auto", "poll_seconds": 0.05} | options)


@pytest.mark.parametrize("request_text", ["", "config { model_config_list {} }"])
def test_nobody_may_reload_unless_the_server_allows_it(half_plus_two: Path, request_text: str) -> None:
    with serving(half_plus_two) as server, grpc.insecure_channel(server.grpc_address) as channel:
        code, text = refusal(channel, "HandleReloadConfigRequest", request_text)
        assert code == "PERMISSION_DENIED"
        assert "lightship serve --allow-reload=ROOT" in text
        assert server.manager.models() == ["half"]
        server.reload([], 60)  # in the server's own process it is allowed
        assert server.manager.models() == []


def test_only_folders_below_the_root_are_served(half_plus_two: Path, tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    shutil.copytree(half_plus_two, root / "inside")
    shutil.copytree(half_plus_two, elsewhere / "secret")
    (root / "link").symlink_to(elsewhere / "secret")
    with (
        serving(half_plus_two, reload_root=root) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        for path in (elsewhere / "secret", root / "link", root / ".." / "elsewhere" / "secret", elsewhere / "none"):
            models = config(("inside", root / "inside"), ("secret", path))
            code, text = refusal(channel, "HandleReloadConfigRequest", models)
            assert (code, text.split(",")[0]) == ("PERMISSION_DENIED", f"model secret: {path} is not below {root}")
        assert server.manager.models() == ["half"]
        call(channel, "HandleReloadConfigRequest", config(("inside", root / "inside")))
        assert server.manager.models() == ["inside"]


def test_a_link_that_leads_out_of_the_root_later_loads_nothing(
    half_plus_two: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    shutil.copytree(half_plus_two / "123", root / "model" / "1")
    shutil.copytree(half_plus_two / "123", elsewhere / "2")
    (root / "half").symlink_to("model")
    with (
        serving(half_plus_two, reload_root=root) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        call(
            channel,
            "HandleReloadConfigRequest",
            config(("half", half_plus_two)).replace(str(half_plus_two), f"{root}/half"),
        )
        os.unlink(root / "half")
        (root / "half").symlink_to(elsewhere)
        await_text(caplog, "PERMISSION_DENIED")
        (root / "half").unlink()
        (root / "half").symlink_to("model")
        (root / "model" / "3").symlink_to(elsewhere / "2")
        await_text(caplog, f"{root}/half/3 is not below {root}")
        assert {one.version for one in server.manager.versions("half")} <= {1, 123}


def await_text(caplog: pytest.LogCaptureFixture, text: str) -> None:
    end = time.monotonic() + 60
    while text not in caplog.text:
        assert time.monotonic() < end, caplog.text
        threading.Event().wait(0.02)


def test_no_answer_names_what_a_folder_contains(half_plus_two: Path, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    for name in ("shadow-file", "model.keras", "private/1/saved_model.pb", "saved_model.pb"):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
    options = {"rest_port": "auto", "reload_root": Path("/")}
    with serving(half_plus_two, **options) as server, grpc.insecure_channel(server.grpc_address) as channel:
        code, _ = refusal(channel, "HandleReloadConfigRequest", config(("etc", folder)), timeout=2)
        assert code == "DEADLINE_EXCEEDED"
        pages = ("/readyz", "/v1/models", "/v1/models/etc", "/openapi.json", "/", "/metrics")
        answers = [httpx2.get(server.rest_url + page, timeout=60).text for page in pages]
        answers.append(repr(refusal(channel, "GetModelStatus", 'model_spec { name: "etc" }')))
        with pytest.raises(DeadlineExceeded) as late:
            server.reload([ModelConfig("other", folder)], 0.1)
        answers.append(late.value.message)
    for answer in answers:
        assert not [name for name in ("shadow", "keras", "private", "pb") if name in answer.replace("keras.io", "")], (
            answer
        )
    assert "contains no version" in answers[0]
