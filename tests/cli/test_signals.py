"""Signals to the installed commands, from their first line to their end, also as the first process of a container."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import BIN, Start, clean_environment, heed_interrupts, until
from tests.processes import children
from tests.programs import program
from tests.server.test_signals import Client

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child")
LIMIT = 40  # seconds: a generous limit for a process to end
MOMENTS = int(os.environ.get("LIGHTSHIP_SIGNAL_MOMENTS", "12"))


def handles(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\s+([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        threading.Event().wait(0.0005)


def commands(folder: Path, port: int) -> dict[str, list[str]]:
    """Each way to start a server."""
    serve = ["serve", str(folder), "--rest-port", str(port), "--grpc-port", "auto"]
    flags = [f"--rest_api_port={port}", f"--port={free_port()}", "--model_name=m", f"--model_base_path={folder}"]
    return {
        "lightship": [str(BIN / "lightship"), *serve],
        "module": [str(BIN / "python"), "-m", "lightship", *serve],
        "lightship-model-server": [str(BIN / "lightship-model-server"), *flags],
    }


@contextlib.contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    options = {"env": clean_environment(), "preexec_fn": heed_interrupts} | options
    process = subprocess.Popen(command, text=True, **pipes, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# Python's start for a command that shall wait at a gate, a FIFO, as soon as the last handler is installed.
WAITING = """
import os, signal

install, gate = signal.signal, os.environ.pop("GATE", "")

def wait_after_the_last(number, handler):
    before = install(number, handler)
    if number == signal.SIGHUP:
        signal.signal = install
        with open(gate, "rb", buffering=0) as opened:
            opened.read(1)
    return before

if gate:
    signal.signal = wait_after_the_last
"""


class Gate:
    """Holds a command, which has the environment `env`, from its last handler until `open`, however busy we are."""

    def __init__(self, folder: Path) -> None:
        self._place, self._opened = folder / "gate", -1
        os.mkfifo(self._place)
        (folder / "sitecustomize.py").write_text(WAITING)
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.env = clean_environment(PYTHONPATH=os.pathsep.join(paths), GATE=str(self._place))

    def reached(self) -> bool:
        with contextlib.suppress(OSError):  # nobody waits yet
            self._opened = os.open(self._place, os.O_WRONLY | os.O_NONBLOCK)
        return self._opened >= 0

    def open(self) -> None:
        os.close(self._opened)
        self._opened = -1


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    if gate._opened >= 0:
        gate.open()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("way", ["lightship", "module", "lightship-model-server"])
def test_signals_are_handled_before_the_command_is_imported(
    half_plus_two: Path, gate: Gate, way: str, number: int
) -> None:
    with started(commands(half_plus_two, free_port())[way], env=gate.env) as process:
        wait_for(gate.reached, "the last handler")
        assert handles(process.pid, number)
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        assert not [name for name in ("numpy", "openvino", "grpc", "uvloop", "orjson") if name in mapped]
        os.kill(process.pid, number)
        if number == signal.SIGHUP:
            gate.open()
            until(process, "is AVAILABLE")
            process.terminate()
        out, log = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, log
        assert "Traceback" not in log
        if number != signal.SIGHUP:
            assert (out, log) == ("", "")


def test_a_hangup_while_the_server_starts_is_heeded_when_it_serves(half_plus_two: Path) -> None:
    with started(commands(half_plus_two, free_port())["lightship"]) as process:
        wait_for(lambda: handles(process.pid, signal.SIGHUP), "a handler")
        process.send_signal(signal.SIGHUP)
        until(process, "looking for new versions in the folders of the models")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_is_no_server_ends_with_the_code_that_shells_give(number: int, code: int) -> None:
    with started([str(BIN / "lightship"), "predict", "http://127.0.0.1:1/v1/models/m", "-"]) as process:
        wait_for(lambda: handles(process.pid, signal.SIGTERM) or process.poll() is not None, "a handler")
        process.send_signal(number)
        out, log = process.communicate(timeout=LIMIT)
        assert process.returncode in (code, 1), log  # 1: it was faster, and said that there is no server
        assert "Traceback" not in log


def first_child(pid: int) -> int:
    wait_for(lambda: bool(children(pid)), "a child process")
    return children(pid)[0]


def moments(seconds: float) -> list[float | None]:
    """Spread from exec to some time after the server has begun to serve; None, the last, is when it has answered."""
    return [*(seconds * number / MOMENTS for number in range(MOMENTS)), None]


def start_seconds(command: list[str]) -> float:
    begin = time.monotonic()
    with started(command) as process:
        until(process, "is AVAILABLE")
        return time.monotonic() - begin


@contextlib.contextmanager
def asking(port: int) -> Iterator[Client]:
    """A client that asks without pause, also while nobody listens yet."""
    stop, client = threading.Event(), Client(port, keep_alive=False)

    def ask() -> None:
        while not stop.is_set():
            client.run()  # ends as soon as it cannot connect
            stop.wait(0.001)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield client
    finally:
        stop.set()
        thread.join(LIMIT)


def ended_after(command: list[str], port: int, seconds: float | None, *, init: bool = False) -> tuple[int, Client, str]:
    """Sends SIGTERM after some seconds while a client asks; returns the exit code, what the client saw and the log.

    seconds: None means as soon as the client was answered.
    init: an init is the first process of a namespace, as in a container; the signal goes to it.
    """
    if init:
        command = [program(UNSHARE[0]), *UNSHARE[1:], program("tini"), "-s", "--", *command]
    with asking(port) as client, started(command) as process:
        pid = first_child(process.pid) if init else process.pid
        if init:
            wait_for(lambda: Path(f"/proc/{pid}/comm").read_text() == "tini\n" and bool(children(pid)), "the init")
        if seconds is None:
            wait_for(lambda: client.answered > 0, "an answer")
        threading.Event().wait(seconds or 0.0)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        _, log = process.communicate(timeout=LIMIT)
        return process.returncode, client, log


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_stop_at_any_moment_ends_it_in_time_and_loses_no_accepted_call(half_plus_two: Path) -> None:
    port = free_port()
    command, answered = commands(half_plus_two, port)["lightship"], 0
    for moment in moments(1.5 * start_seconds(command)):
        code, client, log = ended_after(command, port, moment)
        assert code in (0, -signal.SIGTERM), f"after {moment} s: {log}"
        assert code == 0 or not log, "the signal came before the first line, else it is handled"
        assert client.lost == [], f"after {moment} s: {log}"
        assert "Traceback" not in log
        answered += client.answered
    assert answered > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a namespace of processes")
def test_the_first_process_of_a_container_stops_at_any_moment_behind_an_init(half_plus_two: Path) -> None:
    port = free_port()
    command, answered = commands(half_plus_two, port)["lightship"], 0
    for moment in moments(1.5 * start_seconds(command)):
        code, client, log = ended_after(command, port, moment, init=True)
        assert code in (0, 128 + signal.SIGTERM), f"after {moment} s: {log}"
        assert client.lost == [], f"after {moment} s: {log}"
        assert "Traceback" not in log
        answered += client.answered
    assert answered > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a namespace of processes")
def test_the_first_process_of_a_container_heeds_a_stop_from_its_first_line(half_plus_two: Path, gate: Gate) -> None:
    command = [*UNSHARE, *commands(half_plus_two, free_port())["lightship"]]
    with started(command, env=gate.env) as process:
        pid = first_child(process.pid)
        wait_for(gate.reached, "the last handler")
        os.kill(pid, signal.SIGTERM)
        _, log = process.communicate(timeout=LIMIT)
        assert (process.returncode, log) == (0, "")


CONFIG = "model_config_list {{ config {{ name: '{}' base_path: '{}' model_platform: 'tensorflow' }} }}"


def test_a_hangup_reads_the_file_of_models_again_and_keeps_what_serves(
    start: Start, half_plus_two: Path, tmp_path: Path
) -> None:
    file = tmp_path / "models.config"
    file.write_text(CONFIG.format("a", half_plus_two))
    process = start(f"--model_config_file={file}", command="lightship-model-server")
    until(process, "Running gRPC ModelServer")
    file.write_text(CONFIG.format("b", half_plus_two))
    process.send_signal(signal.SIGHUP)
    until(process, "is AVAILABLE")
    file.write_text("nonsense {")
    for _ in range(2):  # each signal is answered once
        process.send_signal(signal.SIGHUP)
        lines = until(process, f"{file} was not applied: INVALID_ARGUMENT: Invalid protobuf file")
        assert sum("was not applied" in line for line in lines) == 1
    file.write_text(CONFIG.format("c", half_plus_two))
    process.send_signal(signal.SIGHUP)
    until(process, f"{file} was read again")
    process.terminate()
    assert process.wait(LIMIT) == 0


def test_a_hangup_looks_for_versions_where_the_folders_are_not_polled(
    start: Start, half_plus_two: Path, tmp_path: Path
) -> None:
    shutil.copytree(half_plus_two / "123", tmp_path / "half" / "1")
    flags = ("--file_system_poll_wait_seconds=0", f"--model_base_path={tmp_path / 'half'}", "--model_name=half")
    process = start(*flags, command="lightship-model-server")
    until(process, "Running gRPC ModelServer")
    shutil.copytree(half_plus_two / "123", tmp_path / "half" / "2")
    process.send_signal(signal.SIGHUP)
    lines = until(process, "version: 2} is AVAILABLE")
    assert any("there is no file of models to read again" in line for line in lines)


def test_hangups_while_it_stops_are_harmless(start: Start, half_plus_two: Path) -> None:
    port = free_port()
    process = start(half_plus_two, "--rest-port", port)
    until(process, "is AVAILABLE")
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGHUP):
        process.send_signal(number)
    _, log = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, log
    assert "Traceback" not in log
