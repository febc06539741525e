"""A helper that works beside requests leaves them one processor, unless it has to wait for the others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lightship.engines.trial.process import HelperProcess
from lightship.engines.trial.processors import SparedProcessor
from lightship.engines.trial.work import BACKEND_WORK, LOW_BACKEND_WORK, LOW_WORK, MEASURING_WORK, WORK, Work

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two processors"
)
BUSY = "while True: pass"
TWO_THREADS = f"import threading\nthreading.Thread(target=lambda: exec({BUSY!r}), daemon=True).start()\n{BUSY}"
SPARING = Work("tests.engines.trial.works:work", beside_requests=True, spares_processor=True)


@contextmanager
def running(code: str, processor: int | None = None) -> Iterator[int]:
    """Runs Python code in a process, on one processor if given. Yields the process id when it has begun."""
    first = "print(flush=True)\n"
    if processor is not None:
        first += f"import os; os.sched_setaffinity(0, {{{processor}}})\n"
    with subprocess.Popen([sys.executable, "-c", first + code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


@contextmanager
def busy_processors() -> Iterator[None]:
    """Keeps all processors but the first busy."""
    with ExitStack() as hogs:
        for processor in usable() - {min(usable())}:
            for _ in range(3):
                hogs.enter_context(running(BUSY, processor))
        yield


def processors(pid: int) -> list[set[int]]:
    """Returns the processors that each thread of a process may use."""
    return [os.sched_getaffinity(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]


def usable() -> set[int]:
    return os.sched_getaffinity(0)


def until_all(spared: SparedProcessor, pid: int) -> None:
    end = time.monotonic() + 60
    while processors(pid) != [usable()] * len(processors(pid)):
        assert time.monotonic() < end, "it keeps off a processor although it waits"
        spared.look()
        threading.Event().wait(0.05)


def test_it_leaves_one_processor() -> None:
    with running(BUSY) as pid:
        SparedProcessor(pid)
        assert processors(pid) == [usable() - {min(usable())}]


def test_it_gets_all_processors_if_it_has_to_wait_for_its_own() -> None:
    """Its threads, too, that began in between."""
    with running(TWO_THREADS) as pid:
        spared = SparedProcessor(pid)
        with busy_processors():
            until_all(spared, pid)
        assert len(processors(pid)) == 2


def test_it_keeps_off_while_it_has_the_others_to_itself() -> None:
    with running("import time; time.sleep(60)") as pid:
        spared = SparedProcessor(pid)
        for _ in range(3):
            time.sleep(0.55)
            spared.look()
        assert processors(pid) == [usable() - {min(usable())}]


def test_a_process_that_has_ended_is_no_failure() -> None:
    with running("") as pid:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        spared = SparedProcessor(pid)
        time.sleep(0.55)
        spared.look()


@pytest.mark.parametrize("sparing", [True, False])
def test_only_helpers_beside_requests_spare_a_processor(sparing: bool, tmp_path: Path) -> None:
    helper = HelperProcess(SPARING if sparing else Work(SPARING.function, beside_requests=True))
    try:
        seen = helper.ask({"what": "about", "log": ""}, tmp_path, 60, 4 << 30)["info"]["processors"]
        assert seen == sorted(usable() - ({min(usable())} if sparing else set()))
    finally:
        helper.stop()
    assert LOW_WORK.spares_processor
    # A load while nothing answers has the whole machine, and what runs cost is measured on all processors.
    assert not LOW_BACKEND_WORK.spares_processor
    assert not WORK.spares_processor
    assert not BACKEND_WORK.spares_processor
    assert not MEASURING_WORK.spares_processor


def test_a_helper_that_waits_gets_all_processors_while_it_works(tmp_path: Path) -> None:
    helper = HelperProcess(SPARING)
    try:
        with busy_processors():
            seen = helper.ask({"what": "until_processors", "count": len(usable())}, tmp_path, 100, 4 << 30)["info"]
        assert seen["processors"] == sorted(usable())
    finally:
        helper.stop()
