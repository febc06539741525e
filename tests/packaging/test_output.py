"""What a user sees of an export: its steps, and nothing that TensorFlow says meanwhile."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from tests.packaging.test_progress import Terminal, visible

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SECONDS = r"\((\d+\.\d|\d+ min \d+) s\)"  # an export may take more than a minute on a busy machine
STEPS = (
    "reading the trained model",
    "running the trained model on the golden sample",
    "writing the SavedModel",
    "comparing with TensorFlow",
    "compiling for the serving engine and comparing",
)
# The user's program has settings of its own for all that an export could change.
PROGRAM = """
import logging, os, sys, warnings
logging.basicConfig(level=logging.DEBUG)
logging.getLogger("tensorflow").setLevel(logging.INFO)
warnings.simplefilter("always", DeprecationWarning)
def settings():
    loggers = [logging.getLogger(name) for name in (None, "tensorflow", "lightship", "keras")]
    streams = [(stream, os.fstat(stream.fileno()).st_ino) for stream in (sys.stdout, sys.stderr)]
    levels = [(one.level, one.disabled, one.propagate, one.filters[:]) for one in loggers]
    variables = {name: os.environ.get(name) for name in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")}
    return levels, logging.root.handlers[:], logging.root.manager.disable, warnings.showwarning, streams, variables
before = settings()
logging.disable(logging.DEBUG)
logging.disable(logging.NOTSET)
import lightship
filters = warnings.filters[:]
print(lightship.export(sys.argv[1], sys.argv[2]))
assert settings() == before
assert [one for one in filters if one not in warnings.filters] == []
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("keras") / "sums.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    return path


def environment(**changes: str) -> dict[str, str]:
    """TensorFlow talks as it does where nobody has set anything."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "LIGHTSHIP_DEBUG"))}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return own | {"TERM": "xterm-256color", "COLUMNS": "100", "PYTHONPATH": path} | changes


def on_terminal(monkeypatch: pytest.MonkeyPatch, command: list[str | Path]) -> tuple[str, str]:
    """Runs a command whose standard error is a terminal. Returns what it printed, and what the terminal shows."""
    with monkeypatch.context() as patch:
        screen = Terminal(patch)
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=screen.stream, text=True, env=environment(), timeout=240
        )
        shown = visible(screen.written())
    assert done.returncode == 0, shown
    return done.stdout, shown


def assert_steps(shown: str, path: Path) -> None:
    for step in ("importing TensorFlow", *STEPS):
        assert re.search(rf"^{re.escape(step)} {SECONDS}$", shown, re.MULTILINE), shown
    assert re.search(rf"wrote {re.escape(str(path))}, which runs on openvino {SECONDS}$", shown, re.MULTILINE), shown
    assert not re.search(r"oneDNN|cuda|absl|InitializeLog|Saved artifact|rebuild TensorFlow|\.cc:\d+\]", shown), shown


def test_the_command_shows_its_steps_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    printed, shown = on_terminal(monkeypatch, [BIN / "lightship", "export", source, tmp_path / "m"])
    assert printed == f"{tmp_path / 'm' / '1'}\n"
    assert_steps(shown, tmp_path / "m" / "1")


def test_a_program_shows_the_steps_on_a_terminal_and_keeps_its_settings(
    monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    printed, shown = on_terminal(monkeypatch, [sys.executable, "-c", PROGRAM, source, tmp_path / "m"])
    assert printed == f"{tmp_path / 'm' / '1'}\n"
    assert_steps(shown, tmp_path / "m" / "1")


def test_a_program_without_a_terminal_prints_nothing(source: Path, tmp_path: Path) -> None:
    code = "import lightship, sys; lightship.export(sys.argv[1], sys.argv[2])"
    done = subprocess.run(
        [sys.executable, "-c", code, source, tmp_path / "m"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=240,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_error_is_shown_whole(source: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(source.read_bytes()[:1000])
    code = "import lightship, sys; lightship.export(sys.argv[1], sys.argv[2], progress=True)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "broken.keras", tmp_path / "m"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=240,
    )
    assert re.search(r"^reading the trained model: failed after \d+\.\d s$", done.stderr, re.MULTILINE), done.stderr
    assert "Traceback (most recent call last):" in done.stderr
    assert f"{tmp_path / 'broken.keras'} is not a whole .keras file" in done.stderr.splitlines()[-1]


def test_a_notebook_shows_the_steps(source: Path, tmp_path: Path) -> None:
    code = f"import lightship\nlightship.export({str(source)!r}, {str(tmp_path / 'm')!r})"
    done = subprocess.run(
        [sys.executable, "-m", "tests.packaging.notebook", code],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        timeout=300,
        check=True,
    )
    outputs = [json.loads(line) for line in done.stdout.splitlines()]
    assert {name for name, _ in outputs} == {"stdout", "result"}, outputs
    assert_steps("".join(text for name, text in outputs if name == "stdout"), tmp_path / "m" / "1")
