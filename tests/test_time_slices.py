from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest

from lightship import time_slices
from lightship.priority import at_low_priority
from lightship.threads import start_thread, start_timer
from lightship.time_slices import LONG, SHORTEST, set_time_slice, time_slice


def _on_a_thread(function: object) -> object:
    found: SimpleQueue[object] = SimpleQueue()
    threading.Thread(target=lambda: found.put(function())).start()  # type: ignore[operator]
    return found.get(timeout=60)


def _slice_of_a_new_thread(seconds: float) -> float | None:
    def set_and_read() -> float | None:
        set_time_slice(seconds)
        return time_slice()

    return _on_a_thread(set_and_read)  # type: ignore[return-value]


needs_slices = pytest.mark.skipif(
    _slice_of_a_new_thread(SHORTEST) != SHORTEST, reason="the system does not let threads set their slice"
)


@needs_slices
@pytest.mark.parametrize("seconds", [SHORTEST, LONG])
def test_a_thread_sets_its_own_slice_only(seconds: float) -> None:
    own = time_slice()
    assert _slice_of_a_new_thread(seconds) == seconds
    assert time_slice() == own


@needs_slices
def test_threads_inherit_a_slice_unless_told_otherwise() -> None:
    def inherited(wanted: bool) -> object:
        set_time_slice(SHORTEST, inherited=wanted)
        return _on_a_thread(time_slice)

    assert _on_a_thread(lambda: inherited(True)) == SHORTEST
    assert _on_a_thread(lambda: inherited(False)) == _on_a_thread(time_slice) != SHORTEST


@needs_slices
def test_setting_the_slice_keeps_the_niceness() -> None:
    def niceness() -> tuple[int, int]:
        os.setpriority(os.PRIO_PROCESS, 0, min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3))
        before = os.getpriority(os.PRIO_PROCESS, 0)
        set_time_slice(LONG)
        return before, os.getpriority(os.PRIO_PROCESS, 0)

    before, after = _on_a_thread(niceness)  # type: ignore[misc]
    assert before == after


@needs_slices
def test_work_at_low_priority_has_a_long_slice() -> None:
    assert at_low_priority(time_slice) == LONG


@needs_slices
def test_threads_that_work_at_low_priority_starts_for_others_have_the_usual_slice() -> None:
    found: SimpleQueue[float | None] = SimpleQueue()

    def start() -> None:
        assert start_thread(lambda: found.put(time_slice()), name="started")
        assert start_timer(0.0, lambda: found.put(time_slice())) is not None

    at_low_priority(start)
    assert [found.get(timeout=60) for _ in range(2)] == [time_slice()] * 2


@needs_slices
def test_helper_processes_have_a_long_slice_from_their_start() -> None:
    code = """
from lightship.engines.trial.process import HelperProcess
from lightship.engines.trial.work import WORK
from lightship.time_slices import LONG, time_slice
helper = HelperProcess(WORK)
print(time_slice(helper.pid))
helper.stop()
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(shown) == LONG


@needs_slices
def test_the_event_loop_of_a_server_has_the_shortest_slice_and_its_threads_do_not() -> None:
    from lightship.server.endpoints import _run

    async def read(found: SimpleQueue[object]) -> None:
        found.put(time_slice())
        found.put(await asyncio.to_thread(time_slice))

    found: SimpleQueue[object] = SimpleQueue()
    _on_a_thread(lambda: _run(read(found)))
    assert found.get(timeout=60) == SHORTEST
    assert found.get(timeout=60) == time_slice()


def test_where_the_system_refuses_slices_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def syscall(self, *_: object) -> int:
            return -1  # as for a container that must not make this call

    monkeypatch.setattr(time_slices, "_library", Refusing)
    set_time_slice(LONG)
    assert time_slice() is None
    assert at_low_priority(lambda: 1) == 1


def test_where_python_cannot_make_system_calls_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> object:
        raise OSError("dynamic loading is not supported")

    monkeypatch.setattr(time_slices, "_library", none)
    set_time_slice(LONG)
    assert time_slice() is None
    assert at_low_priority(lambda: 1) == 1


def test_nothing_is_set_on_an_architecture_whose_calls_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_slices, "_SYSTEM_CALLS", {})
    set_time_slice(LONG)
    assert time_slice() is None
