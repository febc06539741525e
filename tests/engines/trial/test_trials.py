"""Helper processes do the work, and their ends are the work's alone."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.engines.cache_entries import content_of
from tests.processes import children, command_has

from lightship.engines.cache import CompiledCache, Entry
from lightship.engines.scratch import Scratch, scratch, sweep
from lightship.engines.trial import TrialFailed, Trials, process
from lightship.engines.trial.pool import MAX_HELPERS, Helpers
from lightship.engines.trial.work import LOWEST, Work
from lightship.errors import DataLoss

WORK = Work("tests.engines.trial.works:work")


@pytest.fixture
def helpers() -> Iterator[Helpers]:
    made = Helpers(idle_seconds=60)
    yield made
    made.stop_idle()


@pytest.fixture
def trials(tmp_path: Path, helpers: Helpers) -> Iterator[Trials]:
    made = _trials(tmp_path, helpers)
    yield made
    made.close()


def _trials(
    folder: Path, helpers: Helpers, seconds: float = 60, memory: int = 4 << 30, *, alone: bool = False
) -> Trials:
    cache = CompiledCache(folder / "cache")
    return Trials(cache, seconds=seconds, memory=memory, work=WORK, helpers=helpers, alone=alone)


def _request(what: str, folder: Path, **more: Any) -> dict[str, Any]:
    return {"what": what, "log": str(folder / "log"), **more}


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        threading.Event().wait(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_helper_does_one_thing_after_another_and_results_are_kept(trials: Trials, tmp_path: Path) -> None:
    first, second = (trials.prepare(_request("write", tmp_path), key) for key in ("a", "b"))
    assert first.info["pid"] == second.info["pid"] != os.getpid()
    assert content_of(first) == b"compiled" * 1000
    assert content_of(trials.prepare(_request("crash", tmp_path), "a")) == content_of(first)
    assert len((tmp_path / "log").read_text().splitlines()) == 2


def test_a_helper_steps_back_behind_the_server(trials: Trials) -> None:
    about = trials.prepare(_request("about", Path("/")), "a").info
    assert about["score"] == "1000"
    assert about["nice"] > 0
    assert about["group"] == about["pid"] != os.getpgrp()  # the terminal's signals are for the server
    assert about["session"] == os.getsid(0)  # where Linux groups by session, slices count only within one
    assert about["core"] == [0, 0]
    assert about["main"] == ""  # the user's own program is not run again


def test_a_helper_that_measures_has_the_lowest_priority(tmp_path: Path, helpers: Helpers) -> None:
    work = Work(WORK.function, niceness=LOWEST)
    trials = Trials(CompiledCache(tmp_path), seconds=60, memory=4 << 30, work=work, helpers=helpers)
    assert trials.prepare(_request("about", tmp_path), "a").info["nice"] == LOWEST


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
@pytest.mark.parametrize("low", [True, False])
def test_what_a_helper_made_is_digested_at_low_priority_while_versions_answer(
    low: bool, tmp_path: Path, helpers: Helpers
) -> None:
    class Cache(CompiledCache):
        def put(self, key: str, info: Mapping[str, Any], work: Path) -> Entry:
            return super().put(key, {"nice": os.getpriority(os.PRIO_PROCESS, 0)}, work)

    work = Work(WORK.function, beside_requests=low)
    trials = Trials(Cache(tmp_path), seconds=60, memory=4 << 30, work=work, helpers=helpers)
    lower = trials.prepare(_request("write", tmp_path), "a").info["nice"] - os.getpriority(os.PRIO_PROCESS, 0)
    assert (lower > 0) == low


def test_the_errors_of_the_work_come_back_with_their_kind(trials: Trials, tmp_path: Path) -> None:
    with pytest.raises(DataLoss, match="^the weights are broken$"):
        trials.prepare(_request("refuse", tmp_path), "a")
    with pytest.raises(TrialFailed, match="^ZeroDivisionError: oh$"):
        trials.prepare(_request("fail", tmp_path), "b")
    assert trials.prepare(_request("write", tmp_path), "c").info["pid"]


def test_a_crash_is_named_and_remembered(trials: Trials, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(TrialFailed, match=r"signal 11 \(SIGSEGV\)"):
            trials.prepare(_request("crash", tmp_path), "a")
    assert (tmp_path / "log").read_text() == "crash\n"
    assert trials.prepare(_request("write", tmp_path), "b").info["pid"]


@pytest.mark.parametrize("aborts", [False, True])
def test_what_fails_for_lack_of_threads_is_not_remembered(trials: Trials, tmp_path: Path, aborts: bool) -> None:
    with pytest.raises(TrialFailed, match=os.strerror(errno.EAGAIN)):
        trials.prepare(_request("lack", tmp_path, aborts=aborts), "a")
    assert trials.prepare(_request("lack", tmp_path, aborts=aborts), "a").info == {"answered": True}


def test_a_helper_that_somebody_killed_gets_a_second_chance(trials: Trials, tmp_path: Path) -> None:
    assert trials.prepare(_request("crash_once", tmp_path), "a").info == {"answered": True}
    with pytest.raises(TrialFailed, match="SIGKILL"):
        trials.prepare(_request("crash", tmp_path, signal=int(signal.SIGKILL)), "b")
    assert trials.prepare(_request("write", tmp_path), "b").info["pid"]  # not remembered


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL])
def test_a_helper_that_died_while_idle_fails_no_request(trials: Trials, tmp_path: Path, number: int) -> None:
    pid = trials.prepare(_request("write", tmp_path), "a").info["pid"]
    os.kill(pid, number)
    _until(lambda: not _alive(pid))
    assert trials.prepare(_request("write", tmp_path), "b").info["pid"] != pid


def test_what_a_helper_said_last_is_reported(trials: Trials, tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match="exit code 3: something went badly wrong"):
        trials.prepare(_request("leave", tmp_path), "a")


def test_time_and_memory_have_limits(tmp_path: Path, helpers: Helpers) -> None:
    _trials(tmp_path, helpers).prepare(_request("write", tmp_path), "warm")  # to start a helper takes time too
    with pytest.raises(TrialFailed, match=r"longer than 1.5 s \(--trial-seconds\)"):
        _trials(tmp_path, helpers, seconds=1.5).prepare(_request("hang", tmp_path), "a")
    hung = int((tmp_path / "log").read_text())
    _until(lambda: not _alive(hung))
    with pytest.raises(TrialFailed, match=r"more than 300 MiB of memory \(--trial-memory\)"):
        _trials(tmp_path, helpers, memory=300 << 20).prepare(_request("grow", tmp_path), "b")


def test_many_that_ask_for_the_same_get_one_trial(trials: Trials, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        entries = list(threads.map(lambda n: trials.prepare(_request("write", tmp_path), f"key{n % 4}"), range(16)))
    assert len(entries) == 16
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 4
    assert len(set(lines)) <= 2  # helpers


def test_of_several_processes_with_one_cache_one_measures_and_the_others_take_its_result(
    tmp_path: Path, helpers: Helpers
) -> None:
    several = [_trials(tmp_path, helpers, alone=True) for _ in range(2)]  # as in two processes: they share only files
    request = _request("overlap", tmp_path)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(trials.prepare, request, key) for trials in several for key in "ab"]
        found = [one.result().info for one in asked]
    assert found[:2] == found[2:]
    assert (tmp_path / "log").read_text().splitlines() == ["begins", "ends"] * 2


def test_who_waits_for_another_process_stops_when_it_is_cancelled(tmp_path: Path, helpers: Helpers) -> None:
    measuring = _trials(tmp_path, helpers, alone=True)
    with CompiledCache(tmp_path / "cache").alone(lambda: False), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(measuring.prepare, _request("write", tmp_path), "a")
        _until(lambda: bool(measuring._running))
        measuring.cancel("a")
        with pytest.raises(TrialFailed, match="the server is stopping"):
            waiting.result(60)
    assert not (tmp_path / "log").exists()


def test_closing_ends_what_runs(trials: Trials, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(trials.prepare, _request("hang", tmp_path), "a")
        _until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text() != "")
        pid = int((tmp_path / "log").read_text())
        trials.close()
        with pytest.raises(TrialFailed, match="the server is stopping"):
            asked.result(30)
    _until(lambda: not _alive(pid))


def test_a_process_that_ends_starts_no_helper_and_says_so(
    trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter = ThreadPoolExecutor(1)
    starter.shutdown()  # as Python does with all of them before it ends
    monkeypatch.setattr(process, "_starter", lambda: starter)
    with pytest.raises(TrialFailed, match="cannot be started or reached: this process is ending"):
        trials.prepare(_request("write", tmp_path), "a")


def test_idle_helpers_end(tmp_path: Path) -> None:
    pid = _trials(tmp_path, Helpers(idle_seconds=0.05)).prepare(_request("write", tmp_path), "a").info["pid"]
    _until(lambda: not _alive(pid))


@pytest.mark.slow
def test_fifty_failures_leave_nothing_behind(tmp_path: Path, helpers: Helpers) -> None:
    _trials(tmp_path, helpers).prepare(_request("write", tmp_path), "warm")
    trials = _trials(tmp_path, helpers, seconds=1.0)
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    kinds = ["crash"] * 20 + ["leave"] * 20 + ["fail"] * 8 + ["hang"] * 2
    for number, kind in enumerate(kinds):
        with pytest.raises(TrialFailed):
            trials.prepare(_request(kind, tmp_path), f"key{number}")
    helpers.stop_idle()
    # A timer that was cancelled has yet to wake up, and other tests may have left something that works for a moment.
    _until(lambda: threading.active_count() <= threads)
    _until(lambda: len(os.listdir("/proc/self/fd")) <= files)
    assert [name for name in os.listdir(tmp_path / "cache") if name.startswith("lightship-work-")] == []
    # Other tests in this process may have helpers too, for other work.
    assert [pid for pid in children(os.getpid()) if command_has(pid, WORK.function.encode())] == []


PARENT = """
import sys
from pathlib import Path
from lightship.engines.cache import CompiledCache
from lightship.engines.trial import Trials
from lightship.engines.trial.work import Work
cache, work = CompiledCache(Path(sys.argv[1]) / "cache"), Work("tests.engines.trial.works:work")
trials = Trials(cache, seconds=60, memory=1 << 32, work=work)
trials.prepare({"what": "hang", "log": sys.argv[1] + "/log"}, "a")
"""


def test_a_killed_server_leaves_no_helper_and_the_next_one_sweeps_its_folder(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    (tmp_path / "tmp").mkdir()
    paths = os.pathsep.join([root, *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], env=environment) as parent:
        _until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text() != "")
        helper = int((tmp_path / "log").read_text())
        parent.kill()
    _until(lambda: not _alive(helper))
    (left,) = (tmp_path / "cache").glob("lightship-work-*")
    (left_by_helper,) = (tmp_path / "tmp").iterdir()
    os.utime(left)  # on a busy machine, the helper may have taken long to start
    CompiledCache(tmp_path / "cache")
    assert left.exists()  # a process that made it just now may not have locked it yet
    for place in (left, left_by_helper):
        os.utime(place, (0, 0))
    CompiledCache(tmp_path / "cache")
    sweep(tmp_path / "tmp")
    assert not left.exists()
    assert not left_by_helper.exists()


def test_what_another_process_works_in_is_not_swept(tmp_path: Path) -> None:
    with scratch(tmp_path) as place:
        os.utime(place, (0, 0))
        with subprocess.Popen([sys.executable, "-c", SWEEP, str(tmp_path)]) as other:
            assert other.wait(60) == 0
        assert place.exists()
    assert list(tmp_path.iterdir()) == []


SWEEP = """
import sys
from pathlib import Path
from lightship.engines.scratch import sweep
sweep(Path(sys.argv[1]))
"""


def test_a_folder_goes_with_the_process_even_if_a_thread_still_works_in_it(tmp_path: Path) -> None:
    forked = os.name == "posix"
    with subprocess.Popen(
        [sys.executable, "-c", UNFINISHED + (FORK if forked else ""), str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.decode().split() == (["child", "True"] if forked else [])
    assert list(tmp_path.iterdir()) == []


UNFINISHED = """
import os, sys, threading
from pathlib import Path
from lightship.engines.scratch import scratch
parent, begun = Path(sys.argv[1]), threading.Event()
def work():
    with scratch(parent):
        begun.set()
        threading.Event().wait(60)
threading.Thread(target=work, daemon=True).start()
begun.wait(60)
"""
# A child that ends first leaves the folder of its parent alone.
FORK = """
child = os.fork()
if child:
    os.waitpid(child, 0)
    print("child", len(list(parent.glob("lightship-work-*"))) == 1)
"""


def test_a_folder_may_be_removed_by_several_threads_at_once(tmp_path: Path) -> None:
    for _ in range(50):
        made, together = Scratch(tmp_path), threading.Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            removed = [pool.submit(lambda m=made, b=together: (b.wait(60), m.remove())) for _ in range(4)]  # type: ignore[misc]
            assert [one.result()[1] for one in removed] == [None] * 4
        assert not list(tmp_path.iterdir())


def test_a_crash_is_not_blamed_on_a_request_that_an_earlier_one_harmed(trials: Trials, tmp_path: Path) -> None:
    trials.prepare(_request("harm", tmp_path), "a")
    assert trials.prepare(_request("unless_harmed", tmp_path), "b").info == {"harmed": False}
    trials.prepare(_request("write", tmp_path), "c")
    with pytest.raises(TrialFailed, match="SIGSEGV"):
        trials.prepare(_request("crash", tmp_path), "d")
    crashes = (tmp_path / "log").read_text().count("crash")
    with pytest.raises(TrialFailed, match="SIGSEGV"):
        trials.prepare(_request("crash", tmp_path), "d")
    # Once in a helper that had answered before, once in a fresh one; that is remembered.
    assert (tmp_path / "log").read_text().count("crash") == crashes == 2


def test_what_a_helper_starts_counts_as_its_memory_and_mapped_files_do_not(tmp_path: Path, helpers: Helpers) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    trials = _trials(tmp_path, helpers, memory=400 << 20)
    assert trials.prepare(_request("map", tmp_path, file=str(large)), "a").info["mapped"] == 1 << 30
    with pytest.raises(TrialFailed, match=r"more than 400 MiB of memory \(--trial-memory\)"):
        trials.prepare(_request("child_grows", tmp_path), "b")


def test_what_a_helper_started_ends_with_it(trials: Trials, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(TrialFailed, match="SIGSEGV"):
        trials.prepare(_request("crash_beside_a_child", tmp_path), "a")
    assert time.monotonic() - start < 60  # not until the child ends
    child = int((tmp_path / "log").read_text())
    _until(lambda: not _alive(child))


def test_an_answer_that_never_ends_has_the_same_limit(tmp_path: Path, helpers: Helpers) -> None:
    with pytest.raises(TrialFailed, match="longer than 2 s"):
        _trials(tmp_path, helpers, seconds=2).prepare(_request("half_an_answer", tmp_path), "a")


def test_those_who_wait_for_the_same_get_the_same_failure(trials: Trials, tmp_path: Path) -> None:
    def ask(_: int) -> str:
        with pytest.raises(TrialFailed) as failed:
            trials.prepare(_request("fail_slowly", tmp_path), "a")
        return failed.value.reason

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(ask, range(4))) == {"ZeroDivisionError: oh"}
    assert (tmp_path / "log").read_text() == "failed\n"


@pytest.mark.parametrize("what", ["write", "crash"])
def test_what_was_found_out_of_other_files_is_not_remembered(trials: Trials, tmp_path: Path, what: str) -> None:
    def check() -> None:
        raise DataLoss("the files were changed")

    with pytest.raises(DataLoss, match="^the files were changed$"):
        trials.prepare(_request(what, tmp_path), "a", check)
    assert trials.prepare(_request("print_and_write", tmp_path), "a").info == {"printed": True}


def test_who_waits_for_the_same_of_other_files_does_not_get_their_error(trials: Trials, tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def check() -> None:
        begun.set()
        assert go_on.wait(60)
        raise DataLoss("the files were removed")

    def ask(name: str) -> int:
        (tmp_path / name).mkdir()
        return int(trials.prepare(_request("write", tmp_path / name), "a").info["pid"])

    with ThreadPoolExecutor(2) as threads:
        removed = threads.submit(trials.prepare, _request("write", tmp_path), "a", check)
        assert begun.wait(60)
        other = threads.submit(ask, "other")
        go_on.set()
        assert other.result(60)
        with pytest.raises(DataLoss, match="^the files were removed$"):
            removed.result(60)
    assert (tmp_path / "other" / "log").exists()


def test_many_open_files_are_no_obstacle(trials: Trials, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert trials.prepare(_request("write", tmp_path), "a").info["pid"]
    finally:
        for file in held:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_helpers_that_hang_hold_up_no_other(tmp_path: Path) -> None:
    helpers = Helpers(slow_seconds=0.2)
    try:
        trials = _trials(tmp_path, helpers, seconds=600)
        with ThreadPoolExecutor(MAX_HELPERS) as pool:
            hanging = [pool.submit(trials.prepare, _request("hang", tmp_path), key) for key in ("a", "b")]
            assert trials.prepare(_request("write", tmp_path), "c").info["pid"]
            assert not any(one.done() for one in hanging)
            trials.close()
            for one in hanging:
                with pytest.raises(TrialFailed, match="the server is stopping"):
                    one.result()
    finally:
        helpers.stop_idle()


def test_time_in_which_a_helper_waits_does_not_make_it_slow() -> None:
    helpers = Helpers(1, slow_seconds=0.2)
    began, done = threading.Event(), threading.Event()

    def hold(paused: float) -> None:
        with helpers.helper(WORK) as helper:
            helper._paused += paused
            began.set()
            assert done.wait(60)

    def lend() -> int:
        with helpers.helper(WORK) as helper:
            return helper.pid

    try:
        with ThreadPoolExecutor(2) as pool:
            holds = pool.submit(hold, 1e6)
            assert began.wait(60)
            lent = pool.submit(lend)
            with pytest.raises(TimeoutError):
                lent.result(1.0)
            done.set()
            holds.result(60)
            assert lent.result(60)
            began.clear()
            done.clear()
            holds = pool.submit(hold, 0.0)
            assert began.wait(60)
            assert pool.submit(lend).result(60)  # a further one, while the first is in use
            done.set()
            holds.result(60)
    finally:
        done.set()
        helpers.stop_idle()


def test_the_helper_that_was_given_back_last_is_lent_first(helpers: Helpers) -> None:
    """It may have the version in its memory, and what that needs."""
    with helpers.helper(WORK) as one, helpers.helper(WORK) as other:
        assert one is not other
    for _ in range(2):  # the inner block ends first
        with helpers.helper(WORK) as lent:
            assert lent is one


def test_helpers_import_nothing_from_the_working_folder(
    trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("import os\nos._exit(9)\n")
    monkeypatch.chdir(tmp_path)
    assert trials.prepare(_request("write", tmp_path), "a").info["pid"]


@pytest.mark.parametrize("missing", ["waitid", "inheritance"])
def test_helpers_answer_and_crash_alike_on_other_systems(
    missing: str, trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `os.waitid`, as on macOS, and with answers over the standard output, as on Windows."""
    if missing == "waitid":
        monkeypatch.delattr(os, "waitid")
    else:
        monkeypatch.setattr("lightship.engines.trial.process._PASSES_FILES", False)
    entry = trials.prepare(_request("print_and_write", tmp_path), "a" * 64)
    assert content_of(entry) == b"compiled" * 1000
    with pytest.raises(TrialFailed, match="signal 11"):
        trials.prepare(_request("crash", tmp_path), "b" * 64)
    entry = trials.prepare(_request("print_and_write", tmp_path), "c" * 64)
    assert entry.info == {"printed": True}
