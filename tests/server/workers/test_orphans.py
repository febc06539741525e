"""Processes whose parents died are waited for. A process that adopts them stands for the first one."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import ctypes, os, subprocess, sys, time
from lightship.server.workers.orphans import reap_orphans
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
own = set()
reap_orphans(own)
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(7)"])
own.add(child.pid)
assert child.wait() == 7  # it is left to the one who started it
parent = subprocess.Popen(["sh", "-c", "sleep 0.3 & echo $!"], stdout=subprocess.PIPE, text=True)
own.add(parent.pid)
orphan = int(parent.communicate()[0])
end = time.monotonic() + 60
while os.path.exists(f"/proc/{orphan}"):
    assert time.monotonic() < end, "a zombie is left"
    time.sleep(0.02)
"""


def test_orphans_are_waited_for_and_own_processes_are_not() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
