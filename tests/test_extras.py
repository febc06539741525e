"""Whoever lacks a package is told what to install: by every command and every public function that needs it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from lightship.cli.failures import explain
from lightship.errors import DeadlineExceeded, FailedPrecondition
from lightship.extras import advice_for, require, required

BIN = Path(sys.executable).parent
HIDING = Path(__file__).parent / "without_tensorflow"
TENSORFLOW = "the package tensorflow, which is not installed: pip install 'lightship[tensorflow]'"
DOCKER = "the package docker, which is not installed: pip install 'lightship[docker]'"


def run_without(packages: str, command: Sequence[object], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command whose Python does not find these packages."""
    path = os.pathsep.join([str(HIDING), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "HIDDEN_PACKAGES": packages, "DOCKER_HOST": ""}
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment, timeout=120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.keras").write_bytes(b"PK")
    return tmp_path


@pytest.mark.parametrize(
    ("packages", "words", "text"),
    [
        ("tensorflow keras", ["export", "m.keras", "models/m"], f"exporting a model needs {TENSORFLOW}"),
        ("tensorflow", ["export", "m.keras", "models/m", "--json"], f"exporting a model needs {TENSORFLOW}"),
        ("docker", ["docker", "start", "models/m"], f"lightship docker needs {DOCKER}"),
        ("docker", ["docker", "stop"], f"lightship docker needs {DOCKER}"),
        ("docker", ["docker", "status"], f"lightship docker needs {DOCKER}"),
        ("docker", ["docker", "logs"], f"lightship docker needs {DOCKER}"),
        ("docker", ["docker", "build", "models/m", "-t", "m"], f"lightship docker needs {DOCKER}"),
        ("grpc", ["predict", "grpc://127.0.0.1:9/m", "a.jpg"], "pip install grpcio"),
        ("httpx2", ["predict", "http://127.0.0.1:9/v1/models/m", "a.jpg"], "pip install httpx2"),
    ],
)
def test_a_command_says_what_to_install(
    folder: Path, half_plus_two: Path, packages: str, words: list[str], text: str
) -> None:
    (folder / "models").mkdir()
    (folder / "models" / "m").symlink_to(half_plus_two)
    done = run_without(packages, [BIN / "lightship", *words], folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_verify_names_the_extra_and_what_else_could_be_compared(folder: Path, half_plus_two: Path) -> None:
    done = run_without("tensorflow keras", [BIN / "lightship", "verify", half_plus_two], folder)
    assert done.returncode == 2
    assert "pip install 'lightship[tensorflow]'" in done.stderr


def test_serve_with_the_engine_of_tensorflow_names_the_extra(folder: Path, half_plus_two: Path) -> None:
    words = [BIN / "lightship", "serve", half_plus_two, "--engine", "tensorflow", "--strict", "--rest-port", "0"]
    done = run_without("tensorflow keras", [*words, "--grpc-port", "auto"], folder)
    assert done.returncode == 1
    assert "pip install 'lightship[tensorflow]'" in done.stderr


@pytest.mark.parametrize(
    ("packages", "call", "text"),
    [
        ("tensorflow keras", "lightship.export('m.keras', 'models/m')", TENSORFLOW),
        ("keras", "lightship.export('m.keras', 'models/m')", "the package keras, which is not installed"),
        ("tensorflow keras", "lightship.TransferModel('m.keras').save('models/m')", TENSORFLOW),
        ("docker", "lightship.docker.start('.')", DOCKER),
        ("docker", "lightship.docker.status()", DOCKER),
        ("docker", "lightship.docker.stop()", DOCKER),
        ("grpc", "lightship.Client('grpc://127.0.0.1:9')", "pip install grpcio"),
        ("grpc", "lightship.AsyncClient('grpc://127.0.0.1:9')", "pip install grpcio"),
        ("google", "lightship.Client('grpc://127.0.0.1:9')", "pip install protobuf"),
        ("PIL", "lightship.Client('grpc://127.0.0.1:9').classify_image('m', b'')", "pip install pillow"),
        ("PIL", "lightship.Client('http://127.0.0.1:9').classify_image('m', b'')", "pip install pillow"),
        ("httpx2", "lightship.AsyncClient('http://127.0.0.1:9')", "pip install httpx2"),
    ],
)
def test_a_function_says_what_to_install(folder: Path, packages: str, call: str, text: str) -> None:
    code = (
        f"import lightship\ntry:\n    {call}\n"
        "except lightship.LightshipError as error:\n    print(type(error).__name__, error)"
    )
    done = run_without(packages, [sys.executable, "-c", code], folder)
    assert done.stderr == ""
    assert done.stdout.startswith("FailedPrecondition ")
    assert text in done.stdout


def test_all_public_names_exist_without_the_extras(folder: Path) -> None:
    code = "import lightship; print(all(getattr(lightship, name) for name in lightship.__all__))"
    done = run_without("tensorflow keras docker", [sys.executable, "-c", code], folder)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_what_is_missing_in_lightship_itself_is_no_missing_package() -> None:
    assert advice_for(ModuleNotFoundError("no", name="lightship.nothing")) is None
    assert advice_for(ImportError("cannot import name 'x' from 'numpy'", name="numpy")) is None
    with pytest.raises(ModuleNotFoundError), required("this"):
        raise ModuleNotFoundError("no", name="lightship.nothing")


def test_a_package_that_is_there_is_not_asked_for() -> None:
    require("this", "numpy", "json")
    with pytest.raises(FailedPrecondition, match="this needs the package no_such_package"):
        require("this", "numpy", "no_such_package")


def test_a_command_that_misses_any_other_package_names_it_and_speaks_of_no_bug() -> None:
    missing = explain(ModuleNotFoundError("No module named 'orjson'", name="orjson"))
    assert missing == "this needs the package orjson, which is not installed: pip install orjson"
    assert "bug in Lightship" in explain(ModuleNotFoundError("no", name="lightship.nothing"))


def test_a_limit_of_threads_is_told_as_that_and_not_as_a_bug() -> None:
    before = threading.stack_size(1 << 46)  # more than a processor can address
    try:
        with pytest.raises(RuntimeError) as caught:
            threading.Thread(target=print).start()
    finally:
        threading.stack_size(before)
    assert explain(caught.value).startswith("the system allows no further thread: raise the limit of this user's")
    assert "bug in Lightship" in explain(RuntimeError("another"))


def test_what_the_client_says_of_its_arguments_names_the_options() -> None:
    said = "http://h gave no answer within 1 s; allow more with timeout="
    assert explain(DeadlineExceeded(said)) == "http://h gave no answer within 1 s; allow more with --timeout"
