"""Helper processes, and threads that read large files, pause while the server computes, and have their share."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.engines.cache import CompiledCache, Entry
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.runtime import core, openvino
from lightship.engines.trial import TrialFailed, Trials
from lightship.engines.trial.pool import Helpers
from lightship.engines.trial.process import HelperEnded, HelperProcess
from lightship.engines.trial.work import LOW_BACKEND_WORK, LOW_WORK, MEASURING_WORK, WORK, Work
from lightship.pauses import LOADS, PAUSES, Pauses
from lightship.priority import at_low_priority
from lightship.saved_model.digests import Digests
from lightship.saved_model.tensor_bundle import check_variables

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the state of processes is read from /proc")

PAUSED = Work("tests.engines.trial.works:work", pauses=True)
MEASURES = replace(PAUSED, pauses_for_loads=True)


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[HelperProcess]:
    made = HelperProcess(PAUSED)
    _write(made, tmp_path)
    yield made
    made.stop()


def _write(helper: HelperProcess, folder: Path) -> None:
    answer = helper.ask({"what": "write", "log": str(folder / "log")}, folder, 60, 4 << 30)
    assert answer["info"]["pid"] == helper.pid


@pytest.fixture
def run() -> Callable[[], object]:
    """A run of a model that takes longer than helpers are stopped for in one go."""
    operations = __import__("openvino.opset15").opset15
    numbers = operations.parameter([4096, 4096], np.float32)
    product = numbers
    for _ in range(4):
        product = operations.matmul(product, numbers, False, False)
    made = core().compile_model(openvino().Model([product], [numbers]), "CPU")
    compiled, inputs = Compiled(made, {"x": 0}, {"y": 0}), {"x": np.ones((4096, 4096), np.float32)}
    return lambda: compiled.run(inputs, ["y"])


def _state(pid: int) -> str:
    """Returns the state of a process: T if it is stopped, and nothing if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(0.002)


def _stopped(helper: HelperProcess) -> bool:
    return _state(helper.pid) == "T"


def test_a_helper_is_stopped_while_a_model_runs_and_goes_on_afterwards(
    helper: HelperProcess, run: Callable[[], object]
) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run)
        _until(lambda: _stopped(helper))
        running.result()
    _until(lambda: not _stopped(helper))
    assert helper.paused > 0


def test_a_helper_is_stopped_until_the_last_of_several_runs_has_ended(helper: HelperProcess) -> None:
    pauses = Pauses(max_seconds=60, allowance=60)
    pauses.add(helper)
    with pauses:
        with pauses:
            _until(lambda: _stopped(helper))
        assert _stopped(helper)
    _until(lambda: not _stopped(helper))
    pauses.remove(helper)


@pytest.mark.parametrize("earlier", [False, True])  # whether other work pauses already
def test_a_helper_that_begins_during_a_run_is_stopped_too(helper: HelperProcess, earlier: bool) -> None:
    pauses = Pauses(max_seconds=60, allowance=60)
    with contextlib.ExitStack() as others:
        if earlier:
            others.enter_context(_pieces(pauses))
        with pauses:
            pauses.add(helper)
            _until(lambda: _stopped(helper))
        _until(lambda: not _stopped(helper))
    pauses.remove(helper)


def test_a_helper_is_not_stopped_while_runs_never_end(helper: HelperProcess, tmp_path: Path) -> None:
    pauses = Pauses()
    with pauses:
        pauses.add(helper)
        for _ in range(20):
            _write(helper, tmp_path)
            time.sleep(0.05)
    assert helper.paused == 0
    pauses.remove(helper)


def test_a_pause_ends_although_the_run_goes_on(helper: HelperProcess, tmp_path: Path) -> None:
    pauses = Pauses(max_seconds=0.1, allowance=0.3)
    pauses.add(helper)
    with pauses:
        _until(lambda: helper.paused >= 0.3)
        _write(helper, tmp_path)
    pauses.remove(helper)


def test_a_helper_is_stopped_for_three_times_as_long_as_it_could_run_undisturbed(helper: HelperProcess) -> None:
    pauses = Pauses()
    pauses.add(helper)
    begun = time.monotonic()
    while time.monotonic() - begun < 2.0:
        time.sleep(0.01)
        with pauses:
            time.sleep(0.02)
    assert 0.2 < helper.paused < 0.8 * (time.monotonic() - begun)
    pauses.remove(helper)


def test_a_helper_that_measures_is_stopped_while_another_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PAUSES, "_allowance", 60.0)
    helpers, measuring = Helpers(idle_seconds=60), HelperProcess(MEASURES)
    try:
        _write(measuring, tmp_path)
        with helpers.helper(PAUSED) as compiling:
            _until(lambda: _stopped(measuring))
            _write(compiling, tmp_path)
            with PAUSES:
                _until(lambda: _stopped(compiling))
            _until(lambda: not _stopped(compiling))
            assert _stopped(measuring)
        _until(lambda: not _stopped(measuring))
        with helpers.helper(MEASURES) as another:
            _write(another, tmp_path)
            assert not _stopped(measuring)
            with helpers.helper(PAUSED):
                _until(lambda: _stopped(measuring) and _stopped(another))
            _until(lambda: not _stopped(measuring) and not _stopped(another))
    finally:
        helpers.stop_idle()
        measuring.stop()
    assert measuring not in LOADS._works
    assert another not in LOADS._works


def test_time_in_a_long_pause_counts_while_it_lasts(helper: HelperProcess, tmp_path: Path) -> None:
    pauses = Pauses(math.inf, math.inf)
    pauses.add(helper)
    with pauses:
        begun = time.monotonic()
        with pytest.raises(HelperEnded, match="longer than 0.4 s"):
            helper.ask({"what": "hang", "log": str(tmp_path / "log")}, tmp_path, 0.4, 4 << 30)
        assert time.monotonic() - begun >= 2.0  # five times as long
    pauses.remove(helper)


def test_time_in_a_pause_does_not_count_as_the_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PAUSES, "_allowance", 60.0)
    helpers = Helpers(idle_seconds=60)
    trials = Trials(CompiledCache(tmp_path / "cache"), seconds=1.5, memory=4 << 30, work=PAUSED, helpers=helpers)
    with PAUSES:
        begun = time.monotonic()
        with pytest.raises(TrialFailed, match="longer than 1.5 s"):
            trials.prepare({"what": "hang", "log": str(tmp_path / "log")}, "a")
        assert time.monotonic() - begun > 3.0
    assert not _state(int((tmp_path / "log").read_text()))


def test_a_stopped_helper_ends_when_its_trial_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PAUSES, "_max_seconds", 60.0)
    monkeypatch.setattr(PAUSES, "_allowance", 60.0)
    trials = Trials(CompiledCache(tmp_path / "cache"), seconds=60, memory=4 << 30, work=PAUSED, helpers=Helpers())
    log = tmp_path / "log"
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(trials.prepare, {"what": "hang", "log": str(log)}, "a")
        _until(lambda: log.exists() and log.read_text() != "")
        pid = int(log.read_text())
        with PAUSES:
            _until(lambda: _state(pid) == "T")
            trials.cancel("a")
            with pytest.raises(TrialFailed, match="the server is stopping"):
                asked.result(30)
    assert not _state(pid)


def test_a_helper_that_would_not_end_with_the_server_yet_is_not_stopped(tmp_path: Path) -> None:
    helper = HelperProcess(PAUSED)
    try:
        with PAUSES:
            assert helper not in PAUSES._works
            _write(helper, tmp_path)
            assert helper in PAUSES._works
    finally:
        helper.stop()
    assert helper not in PAUSES._works


SERVER = """
import sys, time
from pathlib import Path
from lightship.pauses import Pauses
from lightship.engines.trial.process import HelperProcess
from lightship.engines.trial.work import Work
helper, pauses = HelperProcess(Work("tests.engines.trial.works:work")), Pauses(max_seconds=600, allowance=600)
helper.ask({"what": "unless_harmed"}, Path(), 60, 1 << 32)
pauses.add(helper)
with pauses:
    print(helper.pid, flush=True)
    time.sleep(600)
"""


def test_a_stopped_helper_ends_with_the_server_that_is_killed() -> None:
    paths = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        _until(lambda: _state(pid) == "T")
        server.kill()
    _until(lambda: _state(pid) in ("", "Z"))


def test_a_helper_that_has_ended_is_not_paused(helper: HelperProcess) -> None:
    helper.stop()
    with PAUSES:
        assert helper not in PAUSES._pausing
    assert helper.paused == 0


def test_the_thread_that_watches_ends_with_the_last_helper() -> None:
    pauses = Pauses()
    helper = HelperProcess(WORK)
    pauses.add(helper)
    assert pauses._watched
    pauses.remove(helper)
    _until(lambda: not pauses._watched)
    helper.stop()


def test_a_helper_that_would_outlive_the_server_is_not_paused(tmp_path: Path) -> None:
    class Surviving(HelperProcess):
        def _answer(self, seconds: float, memory: int) -> dict[str, Any]:
            return super()._answer(seconds, memory) | {"ends_with_server": False}

    helper = Surviving(PAUSED)
    try:
        _write(helper, tmp_path)
        assert helper not in PAUSES._works
    finally:
        helper.stop()


def test_only_helpers_that_work_while_versions_answer_are_paused() -> None:
    assert [work.pauses for work in (WORK, LOW_WORK, LOW_BACKEND_WORK, MEASURING_WORK)] == [False, True, True, True]
    works = (WORK, LOW_WORK, LOW_BACKEND_WORK, MEASURING_WORK)
    assert [work.pauses_for_loads for work in works] == [False, False, False, True]


@contextlib.contextmanager
def _pieces(pauses: Pauses) -> Iterator[list[float]]:
    """Work of a thread of low priority: yields when each of its pieces began."""
    times, begun, ended = list[float](), threading.Event(), threading.Event()

    def work() -> None:
        with pauses.between_pieces() as wait:
            begun.set()
            while not ended.is_set():
                wait()
                times.append(time.monotonic())
                time.sleep(0.001)

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(at_low_priority, work)
        try:
            assert begun.wait(60)
            yield times
        finally:
            ended.set()
            working.result(60)


def _waits(times: list[float]) -> bool:
    """Whether no piece begins for a moment, in which one that is under way may end."""
    time.sleep(0.05)
    before = len(times)
    time.sleep(0.2)
    return len(times) == before


def test_a_thread_of_low_priority_pauses_between_pieces_while_a_model_runs() -> None:
    pauses = Pauses(max_seconds=60, allowance=60)
    with _pieces(pauses) as times:
        _until(lambda: len(times) > 3)
        with pauses:
            assert _waits(times)
        assert not _waits(times)
    assert not pauses._works


def test_a_thread_that_begins_during_a_run_waits_for_its_end() -> None:
    pauses = Pauses(max_seconds=60, allowance=60)
    with contextlib.ExitStack() as stack:
        with pauses:
            first = stack.enter_context(_pieces(pauses))
            second = stack.enter_context(_pieces(pauses))
            assert _waits(first)
            assert not second
        _until(lambda: bool(first) and bool(second))


def test_a_thread_goes_on_although_the_run_does_not_end() -> None:
    pauses = Pauses(max_seconds=0.2, allowance=60)
    with _pieces(pauses) as times:
        _until(lambda: len(times) > 3)
        with pauses:
            assert not pauses._watched  # a thread of low priority starts none that others depend on
            begun = time.monotonic()
            _until(lambda: times[-1] > begun + 0.2)
    assert max(np.diff(times)) > 0.15


def test_work_that_fails_pauses_no_more() -> None:
    pauses = Pauses(max_seconds=60, allowance=60)

    def work() -> None:
        with pauses.between_pieces():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), pauses:
        at_low_priority(work)
    assert not pauses._works
    assert not pauses._pausing


def test_a_thread_of_usual_priority_never_pauses() -> None:
    pauses = Pauses(max_seconds=60, allowance=60)
    with pauses.between_pieces() as wait, pauses:
        wait()
        assert not pauses._works


def test_a_helper_that_is_removed_goes_on_and_its_pause_counts(helper: HelperProcess) -> None:
    pauses = Pauses(max_seconds=60, allowance=60)
    pauses.add(helper)
    with pauses:
        _until(lambda: _stopped(helper))
        time.sleep(0.2)
        pauses.remove(helper)
        _until(lambda: not _stopped(helper))
    assert 0.2 <= helper.paused < 60 - pauses._allowance + 0.1


def test_without_a_thread_that_ends_long_pauses_no_helper_pauses(
    helper: HelperProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses(max_seconds=60, allowance=60)
    monkeypatch.setattr("lightship.pauses.start_thread", lambda *_, **__: False)
    pauses.add(helper)
    assert not pauses._works
    monkeypatch.undo()
    pauses.add(helper)
    assert pauses._works == [helper]
    pauses.remove(helper)


def test_no_signal_goes_to_a_process_that_was_reaped(helper: HelperProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    helper.stop()
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("its id may belong to another process"))
    helper.pause()
    helper.go_on()


def test_large_files_are_read_with_pauses_at_low_priority(
    tmp_path: Path, half_plus_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(8 << 20))
    entry = Entry({}, {"model": (hashlib.sha256(bytes(8 << 20)).hexdigest(), file)})
    buffer = memoryview(bytearray(8 << 20))
    monkeypatch.setattr(PAUSES, "_allowance", 60.0)
    monkeypatch.setattr(PAUSES, "_max_seconds", 60.0)

    def pauses(work: Callable[[], object]) -> bool:
        with ThreadPoolExecutor(1) as threads:
            with PAUSES:
                working = threads.submit(at_low_priority, work)
                waits = wait([working], 0.5).not_done != set()
            working.result(60)
        return waits

    assert pauses(lambda: Digests(tmp_path, low_priority=True).of("large"))
    assert pauses(lambda: entry.read_into("model", buffer))
    assert pauses(lambda: check_variables(half_plus_two / "123"))
