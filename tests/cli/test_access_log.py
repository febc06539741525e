"""The access log of the installed commands."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import Run, Start, until
from tests.cli.test_serve import ready
from tests.server.grpc_process import eventually

BODY = b'{"instances": [1.0]}'


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_environment_turns_it_on(start: Start, half_plus_two: Path, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    env = {"LIGHTSHIP_ACCESS_LOG": "json", "LIGHTSHIP_ACCESS_LOG_FILE": str(path)}
    served = ready(start(f"m={half_plus_two}", "--rest-port=auto", "--json", env=env))
    httpx2.post(f"{served['url']}/v1/models/m:predict", content=BODY)
    assert eventually(lambda: bool(path.read_text()))
    assert [(line["model"], line["status"]) for line in lines_of(path)] == [("m", 200)]


def test_standard_output_has_it_after_the_banner(start: Start, half_plus_two: Path) -> None:
    process = start(f"m={half_plus_two}", "--rest-port=auto", "--json", "--access-log=json")
    served = ready(process)
    httpx2.post(f"{served['url']}/v1/models/m:predict", content=BODY)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert [json.loads(line)["path"] for line in out.splitlines()] == ["/v1/models/m:predict"]
    assert process.returncode == 0


def test_the_model_server_has_it_and_sighup_opens_it_anew(start: Start, half_plus_two: Path, tmp_path: Path) -> None:
    path, port = tmp_path / "access.log", free_port()
    flags = [f"--rest_api_port={port}", f"--model_base_path={half_plus_two}", "--model_name=m"]
    logged = ["--access_log=json", f"--access_log_file={path}"]
    process = start(*flags, *logged, command="lightship-model-server")
    until(process, "Exporting HTTP/REST API")
    httpx2.post(f"http://127.0.0.1:{port}/v1/models/m:predict", content=BODY)
    assert eventually(lambda: bool(path.read_text()))
    path.rename(tmp_path / "access.log.1")
    process.send_signal(signal.SIGHUP)
    assert eventually(path.exists)
    httpx2.get(f"http://127.0.0.1:{port}/v1/models/m")
    assert eventually(lambda: bool(path.read_text()))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert [line["path"] for line in lines_of(tmp_path / "access.log.1")] == ["/v1/models/m:predict"]
    assert [line["path"] for line in lines_of(path)] == ["/v1/models/m"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_cannot_be_written_ends_the_start(
    lightship: Run, half_plus_two: Path, tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "nowhere" / "log"
    options = ["--access-log=text", f"--access-log-file={path}", f"--workers={workers}", "--rest-port=auto"]
    done = lightship("serve", half_plus_two, *options)
    assert done.returncode == 1
    assert f"the access log {path} cannot be written" in " ".join(done.stderr.split())


def test_a_file_without_a_format_is_refused(lightship: Run, model_server: Run, half_plus_two: Path) -> None:
    done = lightship("serve", half_plus_two, "--access-log-file=x", "--rest-port=auto")
    assert done.returncode != 0
    assert "--access-log-file x needs --access-log text or json" in done.stderr
    done = model_server(f"--model_base_path={half_plus_two}", "--access_log_file=x")
    assert done.returncode == 255
    assert "--access_log_file is 'x', but --access_log is not given; give text or json" in done.stdout


def test_another_format_is_refused(lightship: Run, model_server: Run, half_plus_two: Path) -> None:
    done = lightship("serve", half_plus_two, "--access-log=xml")
    assert done.returncode == 2
    done = model_server(f"--model_base_path={half_plus_two}", "--access_log=xml")
    assert done.returncode == 255
    assert "--access_log is 'xml'; give text or json" in done.stdout


def test_a_file_given_as_its_format_gets_the_option_for_files(lightship: Run, half_plus_two: Path) -> None:
    done = lightship("serve", half_plus_two, "--access-log", "access.log")
    assert done.returncode == 2
    assert "'access.log' is not one of 'text', 'json' (for a file, give --access-log-file)" in done.stderr
