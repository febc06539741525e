"""`lightship serve --config`, `lightship reload` and PID files, with real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import Run, Start, until

from lightship.cli.pid_file import PidFile, ReloadOutcome

SECONDS = 60  # a generous limit for what is waited for
BODY = b'{"instances": [1.0]}'


class Served:
    """A server with a configuration file, and that file."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self.folder = process, folder
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        self.port = json.loads(line)["rest_port"]
        self.log: list[str] = []
        threading.Thread(target=self._read_log, daemon=True).start()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with suppress(ValueError):  # the test has ended, and its pipes are closed
            self.log.extend(iter(self.process.stderr.readline, ""))

    def answers(self, model: str) -> bool:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/models/{model}:predict", BODY)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return bool(json.loads(answer.read()) == {"predictions": [2.5]})
        except OSError:
            return False


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def configured(folder: Path, *models: str, options: str = "", lines: str = "") -> Path:
    path = folder / "lightship.toml"
    tables = "".join(f'[models.{name}]\npath = "{name}"\n' for name in models)
    path.write_text(
        f'rest_port = "auto"\njson = true\npid_file = "server.pid"\nlog_format = "text"\n{options}\n{tables}{lines}'
    )
    return path


@pytest.fixture
def served(start: Start, half_plus_two: Path, tmp_path: Path) -> Served:
    for name in ("one", "two"):
        shutil.copytree(half_plus_two, tmp_path / name)
    return Served(start("--config", configured(tmp_path, "one")), tmp_path)


def test_a_changed_file_is_applied_and_its_outcome_told(served: Served, lightship: Run, tmp_path: Path) -> None:
    assert served.answers("one")
    assert (tmp_path / "server.pid").read_text() == f"{served.process.pid}\n"
    configured(tmp_path, "two", options="poll_seconds = 0.5\nthreads = 3", lines="labels.stable = 123")
    done = lightship("reload", "--pid-file", "server.pid")
    assert (done.returncode, done.stdout) == (
        0,
        f"{tmp_path}/lightship.toml was applied by process {served.process.pid}; its models are two\n",
    )
    assert done.stderr == "warning: restart the server to change threads (not set -> 3)\n"
    wait_for(lambda: served.answers("two/labels/stable"))
    wait_for(lambda: not served.answers("one"))
    told = json.loads(lightship("reload", "--pid-file", "server.pid", "--json").stdout)
    assert (told["applied"], told["models"], len(told["notes"])) == (True, ["two"], 1)  # the restart is still needed


def test_a_wrong_file_changes_nothing_and_says_why(served: Served, lightship: Run, tmp_path: Path) -> None:
    path = configured(tmp_path, "two", lines="versons = [1]")
    done = lightship("reload", "--pid-file", tmp_path / "server.pid", cwd="/")
    assert (done.returncode, done.stdout) == (1, "")
    line = len(path.read_text().splitlines())
    assert f'lightship.toml:{line}:1: model two has no setting "versons": did you mean versions?' in done.stderr
    path.unlink()
    assert "does not exist" in lightship("reload", "--pid-file", "server.pid").stderr
    path.write_text("")
    assert "names no model" in lightship("reload", "--pid-file", "server.pid").stderr
    assert served.answers("one")
    assert not served.answers("two")


def test_a_new_version_and_its_label_come_together(served: Served, lightship: Run, tmp_path: Path) -> None:
    configured(tmp_path, "one", lines="versions = [123]\nlabels = { stable = 123 }")
    assert lightship("reload", "--pid-file", "server.pid").returncode == 0
    shutil.copytree(tmp_path / "one" / "123", tmp_path / "one" / "124")
    configured(tmp_path, "one", lines="versions = [123, 124]\nlabels = { stable = 123, canary = 124 }")
    done = lightship("reload", "--pid-file", "server.pid")
    assert (done.returncode, done.stderr) == (0, "")
    wait_for(lambda: served.answers("one/labels/canary"))
    assert served.answers("one/labels/stable")


def test_a_label_waits_for_its_version(served: Served, lightship: Run, tmp_path: Path) -> None:
    configured(tmp_path, "one", options="poll_seconds = 0.5", lines="latest = 2\nlabels = { stable = 123, next = 200 }")
    done = lightship("reload", "--pid-file", "server.pid")
    assert done.returncode == 0
    assert "label next is for version 200, which is not in" in done.stderr
    wait_for(lambda: served.answers("one/labels/stable"))
    assert not served.answers("one/labels/next")
    shutil.copytree(tmp_path / "one" / "123", tmp_path / "one" / "200")
    wait_for(lambda: served.answers("one/labels/next"))


def test_sighup_alone_applies_the_file(served: Served, tmp_path: Path) -> None:
    configured(tmp_path, "one", "two")
    served.process.send_signal(signal.SIGHUP)
    wait_for(lambda: served.answers("two"))
    assert served.answers("one")


def test_the_command_line_wins_over_the_file(start: Start, half_plus_two: Path, lightship: Run, tmp_path: Path) -> None:
    shutil.copytree(half_plus_two, tmp_path / "one")
    path = configured(tmp_path, "one", options="drain_seconds = 1")
    served = Served(
        start(half_plus_two, "--drain-seconds", "2", env={"LIGHTSHIP_CONFIG": str(path), "LIGHTSHIP_TIMEOUT": "9"}),
        tmp_path,
    )
    assert served.answers("half_plus_two")
    assert not served.answers("one")
    configured(tmp_path, "one", options="drain_seconds = 3\ntimeout = 5")
    told = json.loads(lightship("reload", "--pid-file", "server.pid", "--json").stdout)
    assert told["applied"]
    assert [note.split(" in ")[0].split(" of ")[0] for note in told["notes"]] == [
        "drain_seconds has no effect",
        "timeout has no effect",
        "the models",
    ]
    assert served.answers("half_plus_two")
    assert not served.answers("one")


def test_workers_take_up_a_changed_file(start: Start, half_plus_two: Path, lightship: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(half_plus_two, tmp_path / name)
    served = Served(start("--config", configured(tmp_path, "one", options="workers = 2")), tmp_path)
    configured(tmp_path, "two", options="workers = 2")
    assert lightship("reload", "--pid-file", "server.pid").returncode == 0
    wait_for(lambda: served.answers("two") and not served.answers("one"))


def test_a_pid_file_belongs_to_one_server_and_goes_with_it(served: Served, lightship: Run, tmp_path: Path) -> None:
    other = lightship("serve", "--config", "lightship.toml")
    assert other.returncode == 1
    assert f"names process {served.process.pid}, a server that runs: stop it, or give another file" in other.stderr
    assert lightship("reload", "--pid-file", "server.pid").returncode == 0
    assert (tmp_path / "server.pid.reload").exists()
    served.process.terminate()
    assert served.process.wait(SECONDS) == 0
    assert not (tmp_path / "server.pid").exists()
    assert not (tmp_path / "server.pid.reload").exists()


def test_a_file_of_a_killed_server_is_replaced(served: Served, start: Start, lightship: Run, tmp_path: Path) -> None:
    served.process.kill()
    served.process.wait(SECONDS)
    stale = lightship("reload", "--pid-file", "server.pid")
    assert stale.returncode == 1
    assert f"there is no process {served.process.pid}, which server.pid names; the server" in stale.stderr
    again = Served(start("--config", "lightship.toml"), tmp_path)
    assert (tmp_path / "server.pid").read_text() == f"{again.process.pid}\n"


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that handles SIGHUP and is no server, as a shell does."""
    code = "import signal, sys, time; signal.signal(1, lambda *_: sys.exit(9)); print('ready', flush=True)"
    command = [sys.executable, "-c", f"{code}; time.sleep(600)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_no_other_process_gets_the_signal(lightship: Run, bystander: subprocess.Popen[bytes]) -> None:
    done = lightship("reload", bystander.pid)
    assert done.returncode == 1
    assert f"process {bystander.pid} is not a server of Lightship, but " in done.stderr
    assert bystander.poll() is None


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "neither PID nor --pid-file is given"),
        (["1", "--pid-file", "x"], 2, "both PID and --pid-file are given"),
        (["dog"], 1, "'dog' is not the number of a process"),
        (["0"], 1, "'0' is not the number of a process"),
        (["99999999"], 1, "there is no process 99999999"),
        (
            ["--pid-file", "no.pid"],
            1,
            "no server that was started with --pid-file or pid_file = 'no.pid' is running, because no.pid does not "
            "exist: start the server",
        ),
        (["--pid-file", "odd.pid"], 1, "odd.pid has 'dog', not the number of a process"),
    ],
)
def test_a_wrong_argument_is_explained(
    lightship: Run, tmp_path: Path, arguments: list[str], code: int, text: str
) -> None:
    (tmp_path / "odd.pid").write_text("dog\n")
    done = lightship("reload", *arguments)
    assert done.returncode == code
    assert text in done.stderr


def test_a_model_server_reads_its_file_of_models_again(
    start: Start, half_plus_two: Path, lightship: Run, tmp_path: Path
) -> None:
    config, port = tmp_path / "models.config", free_port()
    one = f'config {{ name: "NAME" base_path: "{half_plus_two}" model_platform: "tensorflow" }}'
    config.write_text(f"model_config_list {{ {one.replace('NAME', 'one')} }}")
    process = start(f"--rest_api_port={port}", f"--model_config_file={config}", command="lightship-model-server")
    until(process, "{name: one version: 123} is AVAILABLE")
    config.write_text(f"model_config_list {{ {one.replace('NAME', 'two')} }}")
    done = lightship("reload", process.pid)
    assert (done.returncode, done.stdout) == (
        0,
        f"process {process.pid} reads its configuration again; its log says what came of it\n",
    )
    until(process, "{name: two version: 123} is AVAILABLE")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_outcome_that_does_not_fit_on_the_disk_names_its_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "server.pid"
    (tmp_path / f".server.pid.reload.{os.getpid()}").symlink_to("/dev/full")
    PidFile(path).reloaded(ReloadOutcome("a.toml", "", ""))
    assert caplog.messages == [
        f"the outcome of the reload is not in {path}.reload, which cannot be written: No space left on device"
    ]


def test_a_start_with_a_wrong_file_prints_each_fault(lightship: Run, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("strict = 1\nrest_prot = 2\n")
    done = lightship("serve", "--config", "a.toml")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 2)
    assert lightship("serve", "--config", "a.toml", "--timeout", "soon").returncode == 2
    missing = lightship("serve", "models", "--pid-file", os.path.join("no", "x.pid"))
    assert missing.returncode == 1
