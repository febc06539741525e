"""Where OpenVINO has no packages, as for Macs with Intel processors, clients work and a server says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lightship

BIN = Path(sys.executable).parent
HIDING = Path(__file__).parent / "without_openvino"
HALF_PLUS_TWO = Path(__file__).parents[1] / "models" / "half_plus_two"


def run(*command: str, cache: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(HIDING), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "LIGHTSHIP_CACHE_DIR": str(cache)}
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=240)


def test_a_server_says_that_openvino_is_missing_and_what_would_do_instead(tmp_path: Path) -> None:
    arguments = (f"m={HALF_PLUS_TWO}", "--rest-port", "auto", "--strict")
    done = run(str(BIN / "lightship"), "serve", *arguments, cache=tmp_path)
    assert done.returncode == 1
    reason = done.stderr.strip().splitlines()[-1]
    assert "OpenVINO is not installed; it has packages for Linux" in reason
    assert "pip install 'lightship[tensorflow]'" in reason
    assert "Traceback" not in done.stderr


def test_inspect_says_so_too(tmp_path: Path) -> None:
    done = run(str(BIN / "lightship"), "inspect", str(HALF_PLUS_TWO), cache=tmp_path)
    assert "OpenVINO is not installed" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_client_asks_as_ever(scheme: str, tmp_path: Path) -> None:
    with lightship.serve(f"half_plus_two={HALF_PLUS_TWO}", rest_port="auto", grpc_port="auto") as server:
        assert server.wait_ready(120)
        url = server.rest_url if scheme == "http" else f"grpc://127.0.0.1:{server.grpc_port}"
        code = (
            "import sys, lightship; print(lightship.Client(sys.argv[1]).predict('half_plus_two', [2.0])['y'].tolist())"
        )
        done = run(sys.executable, "-c", code, url, cache=tmp_path)
    assert done.stdout == "[3.0]\n", done.stderr
