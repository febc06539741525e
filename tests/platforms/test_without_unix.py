"""Export, serve and predict where Python has nothing that only Unix has, as on Windows: see without_unix/."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.end_to_end.conftest import Running, stop

import lightship

BIN = Path(sys.executable).parent
HIDING = Path(__file__).parent / "without_unix"
Start = Callable[..., Running]

HALF_PLUS_TWO = Path(__file__).parents[1] / "models" / "half_plus_two"
EXPORT = """
import sys
import keras
import lightship

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
for _ in range(2):
    print(lightship.export(model, sys.argv[1]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    temporary = tmp_path / "tmp"  # of its own: these locks are not those of the processes that share the system's
    temporary.mkdir()
    paths = [str(HIDING), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "LIGHTSHIP_CACHE_DIR": str(tmp_path / "cache"),
        "TMPDIR": str(temporary),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """Starts `lightship serve` and waits for its models."""
    with ExitStack() as stack:

        def started(*arguments: str) -> Running:
            command = [
                str(BIN / "lightship"),
                "serve",
                *arguments,
                "--rest-port",
                "auto",
                "--grpc-port",
                "auto",
                "--json",
            ]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
            stack.callback(stop, process)
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready, f"the server ended with {process.wait(60)}"
            reported = json.loads(ready)
            assert {model["engine"] for model in reported["models"]} == {"openvino"}
            return Running(process, reported["url"], reported["grpc_port"])

        yield started


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=240)


def test_the_hidden_modules_are_hidden_and_ours_are_loaded(environment: dict[str, str]) -> None:
    code = "\n".join(
        [
            "import os, lightship.locks",
            "from lightship.transports.http.server import new_event_loop",
            "from lightship.transports.rest.reading.extension import native",
            "print(new_event_loop().__class__.__module__, native, lightship.locks._fcntl, hasattr(os, 'waitid'))",
        ]
    )
    done = run(environment, sys.executable, "-c", code)
    assert done.stdout == "asyncio.unix_events None None False\n", done.stderr


def test_a_server_answers_over_rest_and_grpc_and_drains(start: Start) -> None:
    running = start(f"half_plus_two={HALF_PLUS_TWO}")
    for url in (running.url, running.grpc_url):
        with lightship.Client(url) as client:
            assert client.predict("half_plus_two", [1.0, 5.0])["y"].tolist() == [2.5, 4.5]
    assert running.terminate() == 0


def test_compiled_models_are_kept_for_the_next_start(start: Start, tmp_path: Path) -> None:
    start(f"half_plus_two={HALF_PLUS_TWO}").terminate()
    kept = {place: place.stat().st_ino for place in (tmp_path / "cache").iterdir()}
    assert [place for place in kept if len(place.name) == 64]
    start(f"half_plus_two={HALF_PLUS_TWO}").terminate()
    assert {place: place.stat().st_ino for place in (tmp_path / "cache").iterdir()} == kept


def test_the_commands_ask_a_server(start: Start, environment: dict[str, str]) -> None:
    running = start(f"half_plus_two={HALF_PLUS_TWO}")
    asked = run(environment, str(BIN / "lightship"), "status", running.url)
    assert "half_plus_two" in asked.stdout, asked.stderr


def test_several_workers_are_refused_with_the_remedy(environment: dict[str, str]) -> None:
    arguments = (f"m={HALF_PLUS_TWO}", "--workers", "2", "--rest-port", "auto")
    done = run(environment, str(BIN / "lightship"), "serve", *arguments)
    assert done.returncode == 1
    assert "workers=2: several processes cannot share sockets on this system" in done.stderr
    assert "leave workers out" in done.stderr


def test_as_many_workers_as_fit_are_one(start: Start) -> None:
    running = start(f"half_plus_two={HALF_PLUS_TWO}", "--workers", "auto")
    with lightship.Client(running.url) as client:
        assert client.predict("half_plus_two", [1.0])["y"].tolist() == [2.5]


def test_a_unix_socket_is_refused_with_the_remedy(environment: dict[str, str], tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from lightship.transports.sockets import listen_unix"
    done = run(environment, sys.executable, "-c", f"{code}; listen_unix(Path(sys.argv[1]))", str(tmp_path / "s"))
    assert "no UNIX sockets; listen on a port instead" in done.stderr


@pytest.mark.tensorflow
def test_an_exported_model_answers(start: Start, environment: dict[str, str], tmp_path: Path) -> None:
    models = tmp_path / "models" / "sum"
    done = run(environment, sys.executable, "-c", EXPORT, str(models))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in models.iterdir()) == ["1", "2"]
    running = start(f"sum={models}")
    for url in (running.url, running.grpc_url):
        with lightship.Client(url) as client:
            assert [array.tolist() for array in client.predict("sum", [[1.0, 2.0]]).outputs.values()] == [[[3.0]]]
