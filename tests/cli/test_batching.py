"""The flags of TensorFlow Serving's batching, in both commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import Run, Start, until

LIMITED = "max_batch_size { value: 2 } allowed_batch_sizes: 2"


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    file = tmp_path / "batching.config"
    file.write_text(LIMITED)
    return file


def predict(port: int, model: str, rows: int) -> Any:
    url = f"http://127.0.0.1:{port}/v1/models/{model}:predict"
    return httpx2.post(url, json={"instances": [[1.0]] * rows}, timeout=60).json()


def test_the_drop_in_command_batches_by_a_file(start: Start, half_plus_two: Path, parameters: Path) -> None:
    port = free_port()
    process = start(
        f"--rest_api_port={port}",
        f"--model_base_path={half_plus_two}",
        "--enable_batching",
        f"--batching_parameters_file={parameters}",
        command="lightship-model-server",
    )
    until(process, "Exporting HTTP/REST API")
    assert predict(port, "default", 2) == {"predictions": [[2.5], [2.5]]}
    assert predict(port, "default", 3) == {"error": "Task size 3 is larger than maximum input batch size 2"}
    metrics = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
    assert ":tensorflow:serving:batching_session:wrapped_run_count{} 1\n" in metrics


def test_without_a_file_the_drop_in_command_batches_by_the_defaults(start: Start, half_plus_two: Path) -> None:
    port = free_port()
    flags = [f"--rest_api_port={port}", f"--model_base_path={half_plus_two}", "--enable_batching"]
    process = start(*flags, command="lightship-model-server")
    until(process, "Exporting HTTP/REST API")
    assert predict(port, "default", 1001) == {"error": "Task size 1001 is larger than maximum input batch size 1000"}
    assert len(predict(port, "default", 1000)["predictions"]) == 1000


def test_serve_batches_by_a_file(start: Start, half_plus_two: Path, parameters: Path) -> None:
    port = free_port()
    options = ["--enable-batching", "--batching-parameters-file", parameters, "--rest-port", port, "--grpc-port", 0]
    process = start(f"half={half_plus_two}", *options)
    until(process, "is AVAILABLE")
    assert predict(port, "half", 2) == {"predictions": [[2.5], [2.5]]}
    assert predict(port, "half", 3) == {"error": "Task size 3 is larger than maximum input batch size 2"}


def test_serve_batches_versions_by_their_own_files(start: Start, half_plus_two: Path, tmp_path: Path) -> None:
    version = tmp_path / "half" / "1"
    version.mkdir(parents=True)
    for file in (half_plus_two / "123").rglob("*"):
        if file.is_file():
            copy = version / file.relative_to(half_plus_two / "123")
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())
    (version / "batching_params.pbtxt").write_text(LIMITED)
    port = free_port()
    options = ["--enable-batching", "--per-model-batching-parameters", "--rest-port", port, "--grpc-port", 0]
    process = start(tmp_path / "half", f"other={half_plus_two}", *options)
    until(process, "is AVAILABLE")
    until(process, "is AVAILABLE")
    assert predict(port, "half", 3) == {"error": "Task size 3 is larger than maximum input batch size 2"}
    assert len(predict(port, "other", 3)["predictions"]) == 3


@pytest.mark.parametrize("option", ["--batching-parameters-file=x", "--per-model-batching-parameters"])
def test_serve_refuses_parameters_without_batching(lightship: Run, half_plus_two: Path, option: str) -> None:
    done = lightship("serve", half_plus_two, option)
    assert done.returncode == 2
    assert "has no effect without" in done.stderr


def test_serve_refuses_invalid_parameters(lightship: Run, half_plus_two: Path, parameters: Path) -> None:
    parameters.write_text("max_batch_size { value: 4 } allowed_batch_sizes: 2")
    done = lightship("serve", half_plus_two, "--enable-batching", "--batching-parameters-file", parameters)
    assert done.returncode != 0
    assert "last entry was 2; expected 4" in done.stderr
