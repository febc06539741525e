"""What happens when workers, or their supervisor, die."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.processes import children, freeze
from tests.server.workers.conftest import Asker, Start, add_version, eventually, is_worker, load, runs

from lightship.server.workers.slot import pause_after


def test_a_worker_that_is_killed_costs_only_the_calls_that_it_held(start: Start, models: Path) -> None:
    served = start(models)
    askers = [Asker(served.port, keep_alive=False) for _ in range(4)]
    with load(*askers):
        victim = served.workers()[0]
        os.kill(victim, signal.SIGKILL)
        died = time.monotonic()
        eventually(lambda: "started again" in served.log)
        eventually(lambda: len(served.workers()) == 2 and victim not in served.workers())
        eventually(lambda: len(re.findall("loaded .name: m", served.log)) == 3)
        back = time.monotonic() - died
        before = [asker.answered for asker in askers]
        eventually(lambda: all(one.answered > was + 10 for one, was in zip(askers, before, strict=True)))
    assert all(len(asker.lost) <= 1 for asker in askers), [asker.lost for asker in askers]
    assert sum(len(asker.lost) for asker in askers) <= 4
    assert back < 60  # 1.5 s on an idle machine
    assert runs(served.popen.pid)


def test_a_worker_that_was_restarted_serves_what_the_others_serve(
    start: Start, models: Path, half_plus_two: Path
) -> None:
    served = start(models, "--poll-seconds=0.1", "--settle-seconds=0")
    for version in (2, 3):
        add_version(models, half_plus_two, version)
        eventually(lambda v=version: served.states().get(v) == "AVAILABLE")  # type: ignore[misc]
        for victim in served.workers():
            os.kill(victim, signal.SIGKILL)
            eventually(lambda v=victim: len(served.workers()) == 2 and v not in served.workers())  # type: ignore[misc]
            # It accepts connections only when it has all, so no answer is another one.
            end = time.monotonic() + 2
            while time.monotonic() < end:
                assert served.predict()[2] == str(version)
    assert served.ready()


def test_a_worker_that_dies_while_a_version_loads_does_not_hold_it_up(
    start: Start, models: Path, half_plus_two: Path
) -> None:
    served = start(models, "--poll-seconds=0.1", "--settle-seconds=0")
    asker = Asker(served.port)
    with load(asker):
        for version in range(2, 6):
            add_version(models, half_plus_two, version)
            os.kill(served.workers()[version % 2], signal.SIGKILL)
            eventually(lambda v=version: served.states().get(v) == "AVAILABLE")  # type: ignore[misc]
            eventually(lambda: len(served.workers()) == 2)
            assert {served.predict(version=f"/versions/{version}")[0] for _ in range(4)} == {200}


def test_the_pauses_before_a_worker_is_started_again_grow() -> None:
    assert [pause_after(deaths) for deaths in range(1, 9)] == [0, 0.5, 1, 2, 4, 8, 16, 30]
    assert pause_after(10_000) == 30


def test_a_worker_that_dies_again_and_again_is_started_after_pauses(start: Start, models: Path) -> None:
    served = start(models)
    for deaths in range(1, 4):
        eventually(lambda: len(served.workers()) == 2)
        os.kill(max(served.workers()), signal.SIGKILL)
        eventually(lambda n=deaths: served.log.count("started again") == n)  # type: ignore[misc]
    assert "started again in 0.5 s" in served.log
    assert "SIGKILL ended it" in served.log
    assert served.ready()


def test_workers_end_with_a_supervisor_that_is_killed(start: Start, models: Path) -> None:
    served = start(models, "--cache-dir", models.parent / "empty")  # so that helper processes compile
    workers = served.workers()
    helpers = eventually(lambda: [child for worker in workers for child in children(worker)])
    served.popen.kill()
    served.popen.wait()
    eventually(lambda: not any(map(runs, workers + helpers)))


def test_workers_end_with_a_supervisor_that_is_killed_while_they_start(start: Start, models: Path) -> None:
    served = start(models, ready=False)
    workers = eventually(served.workers)
    served.popen.kill()
    served.popen.wait()
    eventually(lambda: not any(map(runs, workers)))


def test_nothing_is_left_after_a_drain(start: Start, models: Path) -> None:
    served = start(models)
    workers = served.workers()
    os.kill(workers[0], signal.SIGKILL)
    eventually(lambda: workers[0] not in served.workers() and len(served.workers()) == 2)
    eventually(lambda: not Path(f"/proc/{workers[0]}").exists(), "a zombie is left")
    everyone = [*served.workers(), *(child for one in served.workers() for child in children(one))]
    served.signal()
    assert served.ended() == 0
    assert not [pid for pid in everyone if is_worker(pid)]


def test_a_signal_to_a_worker_is_left_to_the_supervisor(start: Start, models: Path) -> None:
    served = start(models)
    workers = served.workers()
    for worker in workers:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(worker, number)
    assert {served.predict()[0] for _ in range(8)} == {200}
    assert served.workers() == workers


def test_connections_that_wait_for_a_dead_worker_are_taken_by_another(start: Start, models: Path) -> None:
    served = start(models)
    first, second = served.workers()
    for worker in (first, second):
        freeze(worker)
    with ExitStack() as opened:
        address = ("127.0.0.1", served.port)
        waiting = [opened.enter_context(socket.create_connection(address, timeout=60)) for _ in range(8)]
        for one in waiting:
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        os.kill(first, signal.SIGKILL)
        threading.Timer(0.2, os.kill, (second, signal.SIGCONT)).start()
        for one in waiting:
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_supervisor_whose_workers_cannot_start_ends(start: Start, models: Path) -> None:
    broken = models.parent / "path"
    broken.mkdir()
    ends = "import os, sys\nif any('workers.worker' in word for word in sys.orig_argv): os._exit(9)\n"
    (broken / "sitecustomize.py").write_text(ends)
    path = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
    served = start(models, ready=False, env={"PYTHONPATH": path})
    assert served.ended() == 1
    assert "the workers cannot be started: it ended with exit code 9" in served.log


def test_files_in_the_working_folder_are_not_imported(
    start: Start, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = models.parent / "work"
    folder.mkdir()
    for name in ("json", "signal", "numpy"):
        (folder / f"{name}.py").write_text("import os\nos._exit(9)\n")
    monkeypatch.chdir(folder)
    served = start(models, "--cache-dir", models.parent / "empty")  # the helper process starts too
    assert served.predict()[0] == 200
    assert "started again" not in served.log


def test_a_version_that_kills_a_worker_is_refused_and_the_others_answer(
    start: Start, models: Path, half_plus_two: Path
) -> None:
    path = models.parent / "path"
    path.mkdir()
    aborts = "sys.addaudithook(lambda event, found: event == 'open' and '/13/' in str(found[0]) and os.abort())"
    (path / "sitecustomize.py").write_text(
        f"import os, sys\nif any('workers.worker' in word for word in sys.orig_argv): {aborts}\n"
    )
    env = {"PYTHONPATH": os.pathsep.join([str(path), os.environ.get("PYTHONPATH", "")])}
    served = start(models, "--poll-seconds=0.1", "--settle-seconds=0", env=env)
    add_version(models, half_plus_two, 13)
    for deaths in (1, 2, 3):
        eventually(lambda n=deaths: served.log.count("SIGABRT ended it") >= n)  # type: ignore[misc]
        # A call is lost if the worker that holds it dies now too.
        assert {eventually(served.predict)[2] for _ in range(4)} == {"1"}
    eventually(lambda: "died while it loaded" in served.log)
    add_version(models, half_plus_two, 14)
    eventually(lambda: served.states().get(14) == "AVAILABLE")
    assert {served.predict()[2] for _ in range(4)} == {"14"}


def test_a_version_that_no_worker_can_load_again_does_not_keep_all_workers_away(
    start: Start, models: Path, half_plus_two: Path
) -> None:
    served = start(models, "--poll-seconds=0.1", "--settle-seconds=0", "--empty-folder-grace=600")
    workers = served.workers()
    (models / "1").rename(models.parent / "gone")
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: served.get("/livez")[0] == 200)
    eventually(lambda: served.states().get(1) != "AVAILABLE")
    assert served.get("/readyz")[0] == 503
    add_version(models, half_plus_two, 2)
    eventually(lambda: served.states().get(2) == "AVAILABLE")
    eventually(lambda: len(served.workers()) == 2)
    assert {served.predict()[2] for _ in range(8)} == {"2"}


def test_the_log_names_the_worker(start: Start, models: Path) -> None:
    served = start(models, "--log-format=json")
    lines = [json.loads(line) for line in served.log.splitlines() if line.startswith("{")]
    loads = [line for line in lines if line["message"].startswith("loaded ")]
    assert sorted(line["worker"] for line in loads) == [1, 2]
    assert sum("is AVAILABLE" in line["message"] for line in lines) == 1
    assert sum(line["message"].startswith("REST on ") for line in lines) == 1
