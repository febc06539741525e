from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightship.priority import at_low_priority, giving_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")


def test_work_at_low_priority_has_a_lower_priority_than_its_caller() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert at_low_priority(lambda: os.getpriority(os.PRIO_PROCESS, 0)) > own or own == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_work_at_low_priority_raises_its_own_errors() -> None:
    with pytest.raises(ZeroDivisionError):
        at_low_priority(lambda: 1 // 0)


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the system does not group by session")
def test_a_process_that_leads_a_session_lowers_that_too() -> None:
    code = (
        "from lightship.priority import lower_process; lower_process(7); "
        "import os; print(os.nice(0), open('/proc/self/autogroup').read())"
    )
    words = subprocess.run(
        [sys.executable, "-c", code], start_new_session=True, capture_output=True, text=True, check=True
    ).stdout.split()
    assert words[0] == words[-1] == str(min(19, os.nice(0) + 7))


def test_work_at_low_priority_leaves_no_thread_of_low_priority_to_the_engine() -> None:
    code = """
import os
import time
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
    tasks = Path("/proc/self/task").glob("*/stat")
    return {int(task.read_text().rpartition(")")[2].split()[16]) for task in tasks}

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
