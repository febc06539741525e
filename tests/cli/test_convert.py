"""`lightship convert`, and the options of devices of the commands that serve."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import Run
from tests.conftest import MODELS
from tests.end_to_end.conftest import BIN, start, stop

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from tests.engines.onnxruntime.onnx_files import write_line


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The folder of the model half plus two, converted."""
    shutil.copytree(MODELS / "half_plus_two", tmp_path / "toy")
    write_line(tmp_path / "toy/123")
    return tmp_path / "toy"


def test_what_to_convert_to_must_be_said(lightship: Run, toy: Path) -> None:
    done = lightship("convert", toy)
    assert done.returncode == 1
    assert "nothing to convert to: give --onnx" in done.stderr


def test_a_folder_without_a_version_is_explained(lightship: Run, tmp_path: Path) -> None:
    done = lightship("convert", tmp_path, "--onnx")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_converted_version_is_served_and_its_engine_is_named(toy: Path) -> None:
    running = start(BIN / "lightship", str(toy), "--engine", "onnxruntime")
    try:
        answer = httpx.post(f"{running.url}/v1/models/toy:predict", json={"instances": [[1.0], [5.0]]}, timeout=60)
        assert answer.json() == {"predictions": [[2.5], [4.5]]}
        status = subprocess.run([BIN / "lightship", "status", running.url], capture_output=True, text=True).stdout
        assert "onnxruntime" in status
    finally:
        stop(running.process)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--device", "gpu"], "pip install 'lightship[gpu]'"),
        (["--device", "gpus"], "the device is 'gpus'; give cpu, gpu for all GPUs, or their numbers, such as gpu:0,1"),
        (["--device", "gpu:0", "--engine", "openvino"], "the engine openvino does not run on the device gpu:0"),
        (["--gpu-memory", "much"], "'much' is not a size"),
    ],
)
def test_a_device_that_cannot_be_used_ends_the_start(
    lightship: Run, toy: Path, options: list[str], reason: str
) -> None:
    done = lightship("serve", toy, "--rest-port", "auto", *options)
    assert done.returncode in (1, 2)
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_the_drop_in_has_flags_for_devices(toy: Path) -> None:
    command = [BIN / "lightship-model-server", f"--port={free_port()}", f"--model_base_path={toy}", "--device=gpu:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 255
    assert "onnxruntime-gpu" in done.stdout + done.stderr
