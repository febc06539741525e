"""`lightship-model-server` where `tensorflow_model_server` stood: flags, texts, exit codes."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest
from tests.cli.conftest import Run, Start

BASE = "--model_base_path=/models/m"
REST = "--rest_api_port=8501"
NO_PORT = "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."
BOTH_EMPTY = "Both server_options.model_base_path and server_options.model_config_file are empty!"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([REST], f"INVALID_ARGUMENT: {BOTH_EMPTY}"),
        (
            [REST, "--model_base_path=rel/path"],
            "INVALID_ARGUMENT: Expected model default to have an absolute path or URI; got base_path()=rel/path",
        ),
        (
            [REST, BASE, "--port=0"],
            f"INVALID_ARGUMENT: {NO_PORT}",
        ),
        (
            [REST, BASE, "--use_alts_credentials", "--ssl_config_file=/x"],
            "INVALID_ARGUMENT: Either use_alts_credentials must be false or ssl_config_file must be empty.",
        ),
        (
            [REST, BASE, "--batching_parameters_file=/x"],
            "INVALID_ARGUMENT: server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
    ],
)
def test_wrong_combinations_are_refused_in_tensorflow_servings_words(
    model_server: Run, arguments: list[str], error: str
) -> None:
    done = model_server(*arguments)
    assert (done.returncode, done.stdout) == (255, f"Failed to start server. Error: {error}\n")


@pytest.mark.parametrize(
    "flag", ["--enable_batching", "--model_config_file=/x", "--ssl_config_file", "--saved_model_tags=a,b"]
)
def test_what_is_not_built_yet_is_refused_by_name(model_server: Run, flag: str) -> None:
    words = flag.split() if "=" in flag or flag == "--enable_batching" else [flag, "/x"]
    done = model_server(REST, BASE, *words)
    assert done.returncode == 255
    assert done.stdout.startswith(f"Failed to start server. Error: UNIMPLEMENTED: {flag.partition('=')[0]} ")
    assert "later release" in done.stdout


@pytest.mark.parametrize("rest", [[], ["--rest_api_port=0"], ["--rest_api_port=8500"]])
def test_without_rest_there_is_nothing_to_serve_yet(model_server: Run, rest: list[str]) -> None:
    done = model_server(BASE, *rest)
    assert done.returncode == 255
    assert "gRPC comes in a later release" in done.stdout
    assert "--rest_api_port=8501" in done.stdout


def test_an_unknown_flag_is_refused(model_server: Run) -> None:
    done = model_server(BASE, "--rest_api_prot=8501")
    assert (done.returncode, done.stderr) == (255, "")
    assert done.stdout == "unknown argument: --rest_api_prot=8501 (did you mean --rest_api_port=8501?)\n"


def test_a_value_that_cannot_be_read_shows_the_usage(model_server: Run) -> None:
    done = model_server("--rest_api_port=none")
    assert done.returncode == 255
    assert done.stdout.startswith("--rest_api_port is 'none'; it is a whole number of 32 bits\nusage: ")


def test_help_is_the_usage_and_255(model_server: Run) -> None:
    done = model_server("--help")
    assert done.returncode == 255
    assert "--model_base_path=" in done.stdout


def test_version_prints_two_lines(model_server: Run) -> None:
    done = model_server("--version")
    server, library = done.stdout.splitlines()
    assert done.returncode == 0
    assert server.startswith("TensorFlow ModelServer: ")
    assert library.startswith("TensorFlow Library: ")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(process: subprocess.Popen[str], text: str) -> list[str]:
    """The lines on standard error up to one that holds `text`."""
    assert process.stderr is not None
    lines: list[str] = []
    while not any(text in line for line in lines):
        line = process.stderr.readline()
        assert line, "".join(lines)
        lines.append(line)
    return lines


def test_a_model_is_served_everywhere_and_ends_with_success(start: Start, half_plus_two: Path) -> None:
    port = free_port()
    base = f"--model_base_path={half_plus_two}"
    process = start("--rest_api_port", port, base, "--model_name=m", command="lightship-model-server")
    until(process, f"Exporting HTTP/REST API at:localhost:{port} ...")
    warnings = until(process, "gRPC comes in a later release")
    assert warnings[-1].startswith("warning: no gRPC port is opened")
    for host in ("127.0.0.1", "[::1]"):
        answer = httpx2.post(f"http://{host}:{port}/v1/models/m:predict", json={"instances": [1.0, 2.0]})
        assert answer.json() == {"predictions": [2.5, 3.0]}
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_no_port_is_open_while_the_model_is_not_there(start: Start, half_plus_two: Path, tmp_path: Path) -> None:
    port = free_port()
    process = start(f"--rest_api_port={port}", f"--model_base_path={tmp_path / 'm'}", command="lightship-model-server")
    until(process, "m does not exist")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    shutil.copytree(half_plus_two, tmp_path / ".m")
    (tmp_path / ".m").rename(tmp_path / "m")
    until(process, "Exporting HTTP/REST API")
    assert httpx2.get(f"http://127.0.0.1:{port}/v1/models/default").status_code == 200


def test_a_model_that_cannot_be_loaded_ends_it_in_tensorflow_servings_words(model_server: Run, tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    done = model_server(REST, f"--model_base_path={tmp_path}/m")
    start = "1 servable(s) did not become available: {{name: default version: 1} due to error: NOT_FOUND: "
    assert done.returncode == 255
    assert done.stdout.startswith(f"Failed to start server. Error: UNKNOWN: {start}Specified file path does not appear")
    assert done.stdout.endswith(f"Specified file path: {tmp_path}/m/1}}, }}\n")


def test_flags_without_meaning_are_accepted_with_one_warning(start: Start, half_plus_two: Path) -> None:
    words = [f"--rest_api_port={free_port()}", f"--model_base_path={half_plus_two}", "--num_load_threads=2"]
    process = start(*words, "--noenable_profiler", command="lightship-model-server")
    (warning,) = [line for line in until(process, "gRPC comes in a later") if "nothing to act on" in line]
    assert warning.startswith("warning: --num_load_threads, --enable_profiler: accepted")
