"""Start, stop and what is said when it cannot start."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.server.conftest import Run

from lightship.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from lightship.server import serve
from lightship.server.listening import listen
from lightship.server.logs import JsonFormatter

PREDICT = "/v1/models/half_plus_two:predict"


def test_a_server_in_a_program_answers_until_it_is_left(half_plus_two: Path) -> None:
    with serve(half_plus_two, rest_port="auto") as server:
        assert server.wait_ready(60)
        url = server.rest_url
        assert httpx2.post(url + PREDICT, content=b'{"instances": [1]}').json() == {"predictions": [2.5]}
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url + "/livez")
    server.stop()  # once more does no harm


def test_it_opens_at_once_and_says_what_it_waits_for(tmp_path: Path, half_plus_two: Path) -> None:
    (tmp_path / "later").mkdir()
    with serve(half_plus_two, tmp_path / "later", rest_port="auto", poll_seconds=0.05) as server:
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


def test_a_program_that_names_no_model_is_told() -> None:
    with pytest.raises(InvalidArgument, match="no model to serve"):
        serve(rest_port="auto")


def test_strict_does_not_wait_for_a_version(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FailedPrecondition, match="empty"):
        serve(tmp_path / "empty", rest_port="auto", strict=True)


def test_a_port_in_use_is_one_clear_line(run: Run, half_plus_two: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = run(half_plus_two, port=port, ready=False).ended()
    assert code == 1
    assert log.strip() == f"port {port} is in use on 127.0.0.1; choose another with --rest-port, or 'auto'"


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"no\.such\.host\.invalid"):
        listen("no.such.host.invalid", "auto")
    with pytest.raises(AlreadyExists), listen("127.0.0.1", "auto") as taken:
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
