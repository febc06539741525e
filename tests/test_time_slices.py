from __future__ import annotations

import os
import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest

from lightship import time_slices
from lightship.priority import at_low_priority
from lightship.threads import start_thread, start_timer
from lightship.time_slices import LONG, SHORTEST, USUAL, set_time_slice, time_slice


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
def test_a_thread_can_go_back_to_the_usual_slice() -> None:
    def there_and_back() -> tuple[float | None, float | None]:
        set_time_slice(USUAL)
        usual = time_slice()
        set_time_slice(LONG)
        set_time_slice(USUAL)
        return usual, time_slice()

    usual, after = _on_a_thread(there_and_back)  # type: ignore[misc]
    assert usual == after != LONG


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
@pytest.mark.parametrize("seconds", [SHORTEST, LONG])
def test_threads_that_are_started_for_others_have_the_usual_slice(seconds: float) -> None:
    found: SimpleQueue[float | None] = SimpleQueue()

    def start() -> None:
        set_time_slice(seconds)
        assert start_thread(lambda: found.put(time_slice()), name="started")
        assert start_timer(0.0, lambda: found.put(time_slice())) is not None

    _on_a_thread(start)
    usual = _slice_of_a_new_thread(USUAL)
    assert [found.get(timeout=60) for _ in range(2)] == [usual] * 2


@needs_slices
def test_helper_processes_have_a_long_slice() -> None:
    code = """
from lightship.engines.trial.process import HelperProcess
from lightship.time_slices import LONG, time_slice
helper = HelperProcess("lightship.engines.openvino.trying:work")
import time
end = time.monotonic() + 60
while time_slice(helper.pid) != LONG and time.monotonic() < end:
    time.sleep(0.01)
print(time_slice(helper.pid))
helper.stop()
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(shown) == LONG


@needs_slices
def test_the_event_loop_of_a_server_has_the_shortest_slice() -> None:
    from lightship.server.endpoints import _run

    async def read(found: SimpleQueue[float | None]) -> None:
        found.put(time_slice())

    found: SimpleQueue[float | None] = SimpleQueue()
    _on_a_thread(lambda: _run(read(found)))
    assert found.get(timeout=60) == SHORTEST


def test_where_the_system_refuses_slices_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def syscall(self, *_: object) -> int:
            return -1  # as for a container that must not make this call

    monkeypatch.setattr(time_slices, "_library", Refusing)
    set_time_slice(LONG)
    assert time_slice() is None
    assert at_low_priority(lambda: 1) == 1


def test_nothing_is_set_on_an_architecture_whose_calls_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_slices, "_SYSTEM_CALLS", {})
    set_time_slice(LONG)
    assert time_slice() is None
