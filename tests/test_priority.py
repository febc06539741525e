from __future__ import annotations

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from lightship.priority import at_low_priority, at_usual_priority, giving_way, has_low_priority, same_priority
from lightship.repeated import RepeatedFailure, log_level
from lightship.threads import start_thread, start_timer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")


def test_work_at_low_priority_has_a_lower_priority_than_its_caller() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert at_low_priority(lambda: os.getpriority(os.PRIO_PROCESS, 0)) > own or own == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_work_at_low_priority_raises_its_own_errors() -> None:
    with pytest.raises(ZeroDivisionError):
        at_low_priority(lambda: 1 // 0)


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def test_low_priority_within_low_priority_is_not_lower() -> None:
    assert at_low_priority(lambda: (niceness(), at_low_priority(niceness))) == (min(19, niceness() + 5),) * 2


def test_threads_that_work_at_low_priority_starts_have_the_usual_priority() -> None:
    found: SimpleQueue[int] = SimpleQueue()

    def start() -> None:
        assert start_thread(lambda: found.put(niceness()), name="started")
        assert start_timer(0.0, lambda: found.put(niceness())) is not None

    at_low_priority(start)
    assert [found.get(timeout=60) for _ in range(2)] == [niceness()] * 2


def test_helper_processes_step_back_from_their_start_whoever_starts_the_first() -> None:
    code = """
import os
from lightship.engines.trial.process import HelperProcess
from lightship.engines.trial.work import WORK
from lightship.priority import at_low_priority
helper = at_low_priority(lambda: HelperProcess(WORK))
print(os.getpriority(os.PRIO_PROCESS, helper.pid))
helper.stop()
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(shown) == min(19, niceness() + 5)


def test_work_at_usual_priority_raises_its_own_errors_and_may_be_asked_for_by_any_thread() -> None:
    for call in (at_low_priority, lambda function: function()):
        assert call(lambda: at_usual_priority(niceness)) == niceness()
        with pytest.raises(ZeroDivisionError):
            call(lambda: at_usual_priority(lambda: 1 // 0))


def test_a_thread_knows_the_priority_of_the_one_that_started_it() -> None:
    def start() -> list[object]:
        with ThreadPoolExecutor(1, initializer=same_priority()) as threads:
            return list(
                threads.map(lambda find: find(), [has_low_priority, niceness, lambda: at_usual_priority(niceness)])
            )

    assert at_low_priority(start) == [True, min(19, niceness() + 5), niceness()]
    assert start() == [False, niceness(), niceness()]


def test_work_at_low_priority_knows_that_an_attempt_repeats_a_failed_one() -> None:
    failures = RepeatedFailure()
    failures.is_new("no such file")
    with failures.attempt():
        assert at_low_priority(lambda: log_level(logging.WARNING)) == logging.DEBUG


def test_work_at_low_priority_leaves_no_thread_of_low_priority_to_the_engine() -> None:
    code = """
import os
import time
from contextlib import suppress
from pathlib import Path
import numpy as np
from lightship.engines.openvino.runtime import core, openvino, start_workers
from lightship.priority import at_low_priority

operations = __import__("openvino.opset15").opset15
numbers = operations.parameter([64, 4096], np.float32)
model = openvino().Model([operations.softmax(numbers, 1)], [numbers])
own = os.nice(0)
start_workers()
request = core().compile_model(model, "CPU").create_infer_request()
at_low_priority(request.infer)

def niceness():
    found = set()
    for task in Path("/proc/self/task").glob("*/stat"):
        with suppress(OSError):  # the thread has ended
            found.add(int(task.read_text().rpartition(")")[2].split()[16]))
    return found

end = time.monotonic() + 30
while niceness() != {own} and time.monotonic() < end:  # the thread of low priority is about to end
    time.sleep(0.01)
assert niceness() == {own}, niceness()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_python_gives_way_sooner_until_the_last_of_several_loads_has_ended() -> None:
    usual = sys.getswitchinterval()
    with giving_way():
        with giving_way():
            assert sys.getswitchinterval() < usual
        assert sys.getswitchinterval() < usual
    assert sys.getswitchinterval() == usual


def test_the_function_is_called_although_the_priority_cannot_be_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(niceness: int) -> None:
        raise AttributeError("no such function here")

    monkeypatch.setattr("lightship.priority.lower_thread", unable)
    assert at_low_priority(lambda: "done") == "done"
