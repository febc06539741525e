"""Start, stop and what is said when it cannot start."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx2
import pytest
from tests.server.conftest import Run

from lightship.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unknown
from lightship.lifecycle import Manager, State
from lightship.server import All, ModelConfig, Server, ServerOptions, serve
from lightship.server.logs import JsonFormatter
from lightship.transports.sockets import listen

PREDICT = "/v1/models/half_plus_two:predict"


def test_a_server_in_a_program_answers_until_it_is_left(half_plus_two: Path) -> None:
    with serve(half_plus_two, rest_port="auto") as server:
        assert server.wait_ready(60)
        url = server.rest_url
        assert httpx2.post(url + PREDICT, content=b'{"instances": [1]}').json() == {"predictions": [2.5]}
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url + "/livez")
    server.stop()  # once more does no harm


def test_without_waiting_it_opens_at_once_and_says_what_it_waits_for(tmp_path: Path, half_plus_two: Path) -> None:
    (tmp_path / "later").mkdir()
    with serve(half_plus_two, tmp_path / "later", wait=False, rest_port="auto", poll_seconds=0.05) as server:
        answer = httpx2.get(server.rest_url + "/readyz")
        assert answer.status_code == 503
        assert "later" in answer.json()["models"]
        assert httpx2.get(server.rest_url + "/livez").status_code == 200
        shutil.copytree(half_plus_two / "123", tmp_path / "hidden")
        (tmp_path / "hidden").rename(tmp_path / "later" / "1")
        assert server.wait_ready(60)
        assert httpx2.get(server.rest_url + "/readyz").status_code == 200


def test_a_folder_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere does not exist"):
        serve(tmp_path / "nowhere", rest_port="auto")


def test_a_program_that_names_no_model_gets_an_error() -> None:
    with pytest.raises(InvalidArgument, match="no model to serve"):
        serve(rest_port="auto")


def test_strict_does_not_wait_for_a_version(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FailedPrecondition, match="empty"):
        serve(tmp_path / "empty", rest_port="auto", strict=True)


def test_models_are_replaced_while_it_serves(half_plus_two: Path) -> None:
    model = ModelConfig("a", half_plus_two, All(), {"stable": 123})
    with Server(ServerOptions([], rest_port="auto")) as server:
        ask = partial(httpx2.post, content=b'{"instances": [1]}')
        assert server.wait_ready(60)
        server.reload([model], 60)
        assert ask(server.rest_url + "/v1/models/a/labels/stable:predict").json() == {"predictions": [2.5]}
        server.reload([replace(model, name="b", path=Path(os.path.relpath(half_plus_two)))], 60)
        assert ask(server.rest_url + "/v1/models/b:predict").status_code == 200
        assert server.manager.wait(ended("a"), 60)
        assert ask(server.rest_url + "/v1/models/a:predict").status_code == 404
        assert ask(server.rest_url + "/v1/models/a/labels/stable:predict").status_code == 400
        listed = httpx2.get(server.rest_url + "/v1/models").json()["models"]
        assert [(one["name"], one["ready"]) for one in listed] == [("b", True)]
        assert httpx2.get(server.rest_url + "/readyz").status_code == 200
        status = httpx2.get(server.rest_url + "/v1/models/a").json()["model_version_status"]
        assert [(one["version"], one["state"]) for one in status] == [("123", "END")]


def ended(model: str) -> Callable[[Manager], bool]:
    return lambda manager: {version.state for version in manager.versions(model)} == {State.END}


def test_status_and_metadata_by_label_are_of_its_version(half_plus_two: Path) -> None:
    model = ModelConfig("a", half_plus_two, labels={"stable": 123, "later": 7})
    with Server(ServerOptions([model], rest_port="auto")) as server:
        assert server.wait_ready(60)
        listed = httpx2.get(f"{server.rest_url}/v1/models").json()["models"]
        assert [one["labels"] for one in listed] == [{"stable": 123, "later": 7}]
        get = lambda path: httpx2.get(f"{server.rest_url}/v1/models/a/labels/{path}")  # noqa: E731
        assert get("stable").json() == httpx2.get(f"{server.rest_url}/v1/models/a/versions/123").json()
        assert get("stable/metadata").json()["model_spec"]["version"] == "123"
        assert (get("later").status_code, get("later").json()) == (
            404,
            {"error": "Could not find version 7 of model a"},
        )
        assert get("later/metadata").json() == {"error": "Servable not found for request: Specific(a, 7)"}
        for path in ("no", "no/metadata"):
            assert (get(path).status_code, get(path).json()) == (
                400,
                {"error": "Unrecognized servable version label: no"},
            )


def test_versions_that_fail_are_retried_as_configured(tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    options = ServerOptions([ModelConfig("m", tmp_path / "m")], load_retries=2, load_retry_seconds=0)
    server = Server(options).load()
    with pytest.raises(Unknown) as caught:
        server.wait_decided()
    assert caught.value.message == (
        "1 servable(s) did not become available: {{name: m version: 1} due to error: NOT_FOUND: Specified file path "
        "does not appear to contain a SavedModel bundle (should have a file called `saved_model.pb`)\n"
        f"Specified file path: {tmp_path}/m/1}}, }}"
    )
    server.stop()


def test_a_server_that_was_stopped_does_not_start_again(half_plus_two: Path) -> None:
    server = Server(ServerOptions([ModelConfig("half", half_plus_two)], rest_port="auto")).start()
    server.stop()
    for start in (server.start, server.load, server.__enter__):
        with pytest.raises(FailedPrecondition, match="the server was stopped, and a server starts only once"):
            start()
    server.stop()  # which changes nothing


def test_models_may_be_awaited_without_an_end(half_plus_two: Path) -> None:
    with Server(ServerOptions([ModelConfig("half", half_plus_two)], rest_port="auto")) as server:
        assert server.wait_ready(math.inf)


def test_a_pause_that_no_thread_can_wait_for_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    options = ServerOptions([ModelConfig("m", tmp_path / "m")], load_retries=1, load_retry_seconds=1e13)
    server = Server(options).load()
    assert server.manager.wait(lambda seen: "saved_model.pb" in seen.not_ready()["m"], 60)
    server.stop()
    assert "a step of the manager failed" not in caplog.text


def test_all_models_are_awaited_before_the_port_is_opened(half_plus_two: Path, tmp_path: Path) -> None:
    models = [ModelConfig("a", half_plus_two), ModelConfig("b", tmp_path / "b")]
    server = Server(ServerOptions(models, rest_port="auto", poll_seconds=0.02)).load()
    arrival = threading.Timer(0.05, lambda: (tmp_path / "b").symlink_to(half_plus_two))
    arrival.start()
    assert server.wait_decided()
    arrival.join()
    assert server.manager.ready()
    assert server.rest_port == 0
    with server:
        assert httpx2.get(server.rest_url + "/readyz").status_code == 200


def test_a_port_in_use_is_one_clear_line(run: Run, half_plus_two: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = run(half_plus_two, port=port, ready=False).ended()
    assert code == 1
    assert log.strip() == f"port {port} is in use on 127.0.0.1; choose another with rest_port, or 'auto'"


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"no\.such\.host\.invalid"):
        listen("no.such.host.invalid", "auto")
    with pytest.raises(AlreadyExists, match="with rest_port, or"), listen("127.0.0.1", "auto") as taken:
        listen("127.0.0.1", taken.getsockname()[1])


def test_it_serves_ipv6(half_plus_two: Path) -> None:
    with serve(half_plus_two, host="::1", rest_port="auto") as server:
        assert server.rest_url.startswith("http://[::1]:")
        assert httpx2.get(server.rest_url + "/livez").status_code == 200


def test_logs_are_one_object_a_line(run: Run, half_plus_two: Path) -> None:
    process = run(half_plus_two, form="json")
    process.signal()
    _, log = process.ended()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert any(line.get("model") == "half_plus_two" and "AVAILABLE" in line["message"] for line in lines)


def test_a_traceback_stays_on_its_line() -> None:
    try:
        raise ValueError("odd\nvalue")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed: %s", ("why",), sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "odd\nvalue" in json.loads(text)["error"]


def test_the_server_does_not_import_what_it_does_not_need(run: Run, half_plus_two: Path) -> None:
    process = run(half_plus_two)
    maps = Path(f"/proc/{process.popen.pid}/maps").read_text()
    assert not [line for line in maps.splitlines() if "/tensorflow/" in line or "/keras/" in line]
    program = "import sys, lightship.server; print(*sys.modules)"
    modules = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    assert not {"tensorflow", "keras", "lightship.packaging", "lightship.client", "lightship.cli", "h11"} & modules
