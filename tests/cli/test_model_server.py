"""`lightship-model-server` where `tensorflow_model_server` stood: flags, texts, exit codes."""

from __future__ import annotations

import shutil
import signal
import socket
from pathlib import Path

import grpc
import httpx2
import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import Run, Start, until

from lightship import protos

BASE = "--model_base_path=/models/m"
REST = "--rest_api_port=8501"


def test_an_unknown_flag_is_refused(model_server: Run) -> None:
    done = model_server(BASE, "--rest_api_prot=8501")
    assert (done.returncode, done.stderr) == (255, "")
    assert done.stdout == "unknown argument: --rest_api_prot=8501 (did you mean --rest_api_port=8501?)\n"


def test_a_value_that_cannot_be_read_shows_the_usage(model_server: Run) -> None:
    done = model_server("--rest_api_port=none")
    assert done.returncode == 255
    assert done.stdout.startswith("--rest_api_port is 'none'; give a whole number of 32 bits\nusage: ")


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


def test_a_model_is_served_everywhere_and_ends_with_success(start: Start, half_plus_two: Path) -> None:
    port = free_port()
    base = f"--model_base_path={half_plus_two}"
    process = start("--rest_api_port", port, base, "--model_name=m", command="lightship-model-server")
    until(process, "Running gRPC ModelServer at 0.0.0.0:")
    until(process, f"Exporting HTTP/REST API at:localhost:{port} ...")
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
    done = model_server(REST, f"--model_base_path={tmp_path}/m", "--max_num_load_retries=0")
    start = "1 servable(s) did not become available: {{name: default version: 1} due to error: NOT_FOUND: "
    assert done.returncode == 255
    assert done.stdout.startswith(f"Failed to start server. Error: UNKNOWN: {start}Specified file path does not appear")
    assert done.stdout.endswith(f"Specified file path: {tmp_path}/m/1}}, }}\n")


def test_a_model_that_cannot_be_loaded_is_tried_again(model_server: Run, tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    pauses = ["--max_num_load_retries=2", "--load_retry_interval_micros=1000"]
    done = model_server(REST, f"--model_base_path={tmp_path}/m", *pauses)
    assert done.returncode == 255
    assert done.stderr.count("cannot be loaded") == 1  # each reason is logged once


def test_a_signal_ends_the_waiting_for_a_model(start: Start, tmp_path: Path) -> None:
    arguments = [f"--rest_api_port={free_port()}", f"--model_base_path={tmp_path}/none"]
    process = start(*arguments, command="lightship-model-server")
    until(process, "Could not find base path")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_a_signal_ends_the_pause_before_another_attempt(start: Start, tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    arguments = [f"--rest_api_port={free_port()}", f"--model_base_path={tmp_path}/m"]
    process = start(*arguments, command="lightship-model-server")
    until(process, "cannot be loaded")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_without_rest_grpc_serves(start: Start, half_plus_two: Path) -> None:
    port = free_port()
    arguments = [f"--port={port}", f"--rest_api_port={port}", f"--model_base_path={half_plus_two}"]
    process = start(*arguments, command="lightship-model-server")
    until(process, f"Running gRPC ModelServer at 0.0.0.0:{port} ...")
    until(process, "REST is off")
    for host in ("127.0.0.1", "[::1]"):
        with grpc.insecure_channel(f"{host}:{port}") as channel:
            request = protos.GetModelStatusRequest()
            request.model_spec.name = "default"
            stub = channel.unary_unary("/tensorflow.serving.ModelService/GetModelStatus")
            answer = protos.GetModelStatusResponse.FromString(stub(request.SerializeToString(), timeout=30))
            assert answer.model_version_status[0].version == 123
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_a_rest_port_in_use_is_logged_and_grpc_serves(start: Start, half_plus_two: Path) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        port = taken.getsockname()[1]
        arguments = [f"--rest_api_port={port}", f"--model_base_path={half_plus_two}"]
        process = start(*arguments, command="lightship-model-server")
        until(process, f"Failed to start HTTP Server at localhost:{port}: port {port} is in use on ::\n")
        until(process, "Running gRPC ModelServer at 0.0.0.0:")
        until(process, "REST is off, and only gRPC is served: choose another port with --rest_api_port")


def test_a_grpc_port_in_use_ends_it_in_tensorflow_servings_words(model_server: Run, half_plus_two: Path) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        port = taken.getsockname()[1]
        done = model_server(f"--port={port}", f"--model_base_path={half_plus_two}")
    assert done.returncode == 255
    assert done.stdout == "Failed to start server. Error: INVALID_ARGUMENT: Failed to BuildAndStart gRPC server\n"
    assert f"port {port} is in use on ::; choose another with --port\n" in done.stderr
    assert "INFO stopped\n" in done.stderr  # a process that ends while a thread loads a model may crash


def test_the_graph_of_other_tags_is_not_found(model_server: Run, half_plus_two: Path) -> None:
    words = [f"--model_base_path={half_plus_two}", "--saved_model_tags=serve,gpu", "--max_num_load_retries=0"]
    done = model_server(REST, *words)
    text = "NOT_FOUND: Could not find meta graph def matching supplied tags: { serve gpu }. "
    assert done.returncode == 255
    assert text in done.stdout


@pytest.mark.parametrize(("milliseconds", "status"), [(1, 504), (0, 200), (-1, 200)])
def test_a_rest_call_may_take_so_long(start: Start, dog_bundle: Path, milliseconds: int, status: int) -> None:
    port = free_port()
    limits = [f"--rest_api_timeout_in_ms={milliseconds}", "--rest_api_num_threads=1"]
    process = start(
        f"--rest_api_port={port}", f"--model_base_path={dog_bundle}", *limits, command="lightship-model-server"
    )
    until(process, "Exporting HTTP/REST API")
    images = {"instances": [[[[0.5] * 3] * 160] * 160] * 4}
    answer = httpx2.post(f"http://127.0.0.1:{port}/v1/models/default:predict", json=images)
    assert answer.status_code == status, answer.text


def test_the_memory_budget_is_a_flag_of_our_own(model_server: Run) -> None:
    done = model_server(BASE, "--memory_budget=much")
    assert done.returncode == 255
    assert "--memory_budget: 'much' is not a size" in done.stdout


def test_the_memory_budget_is_all_memory_unless_it_is_given() -> None:
    from lightship.cli.tensorflow_model_server import _memory_budget
    from lightship.memory import available_memory

    assert _memory_budget("") == available_memory()
    assert _memory_budget("2GiB") == 2 << 30


@pytest.mark.parametrize(("given", "join"), [({}, True), ({"join": False}, False)], ids=["default", "off"])
def test_calls_are_joined_unless_a_flag_of_our_own_turns_it_off(
    half_plus_two: Path, given: dict[str, bool], join: bool
) -> None:
    from lightship.cli.model_server_flags import FLAGS
    from lightship.cli.tensorflow_model_server import _options, read_config_files

    defaults = {flag.name: flag.default for flag in FLAGS}
    flags = defaults | {"model_base_path": str(half_plus_two)} | given
    assert _options(given, flags, read_config_files(flags)).join is join


@pytest.mark.parametrize(("given", "extensions"), [({}, False), ({"extensions": True}, True)], ids=["default", "on"])
def test_our_own_additions_are_answered_only_if_a_flag_asks_for_them(
    half_plus_two: Path, given: dict[str, bool], extensions: bool
) -> None:
    from lightship.cli.model_server_flags import FLAGS
    from lightship.cli.tensorflow_model_server import _options, read_config_files

    defaults = {flag.name: flag.default for flag in FLAGS}
    flags = defaults | {"model_base_path": str(half_plus_two)} | given
    assert _options(given, flags, read_config_files(flags)).extensions is extensions


@pytest.mark.parametrize(
    ("given", "tuned"),
    [({}, True), ({"tuned": False}, False), ({"precision": "f32"}, False), ({"mixed_precision": "bfloat16"}, False)],
)
def test_tuned_settings_are_used_unless_a_flag_says_otherwise(
    half_plus_two: Path, given: dict[str, bool | str], tuned: bool
) -> None:
    from lightship.cli.model_server_flags import FLAGS
    from lightship.cli.tensorflow_model_server import _options, read_config_files
    from lightship.engines.tuned import chosen_options

    defaults = {flag.name: flag.default for flag in FLAGS}
    flags = defaults | {"model_base_path": str(half_plus_two)} | given
    engine = _options(given, flags, read_config_files(flags)).engine
    assert (engine.tuned and not chosen_options(engine)) is tuned


@pytest.mark.parametrize(
    ("flags", "hint"),
    [([], None), (["--extensions", "--workers=2"], "did you mean 'default'? Served models: default")],
    ids=["default", "on, with workers"],
)
def test_hints_are_sent_only_if_our_own_additions_are_asked_for(
    start: Start, half_plus_two: Path, flags: list[str], hint: str | None
) -> None:
    port = free_port()
    arguments = [f"--rest_api_port={port}", f"--model_base_path={half_plus_two}", *flags]
    process = start(*arguments, command="lightship-model-server")
    until(process, "Exporting HTTP/REST API")
    answer = httpx2.get(f"http://127.0.0.1:{port}/v1/models/defualt", timeout=60)
    assert answer.json() == {"error": "Could not find any versions of model defualt"}
    assert answer.headers.get("Lightship-Hint") == hint
