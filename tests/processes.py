"""What Linux tells of processes: their children, and whether they stand still."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """Returns the processes that a process started and that are not yet waited for.

    Any of its threads may have started them. (`/proc/PID/task/*/children` leaves some out when threads end meanwhile.)
    """
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            if int(_fields(file)[1]) == pid:
                found.append(int(file.parent.name))
    return sorted(found)


def command_has(pid: int, text: bytes) -> bool:
    """Whether a process runs and its command line has this text."""
    with suppress(OSError):  # it has ended
        return text in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def freeze(pid: int, seconds: float = 60.0) -> None:
    """Stops a process with SIGSTOP, and waits until all its threads stand still: the signal alone may take a while."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + seconds
    while not _stands_still(pid):
        assert time.monotonic() < end, f"process {pid} does not stop"
        threading.Event().wait(0.001)


def _stands_still(pid: int) -> bool:
    states = set()
    for file in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # the thread has ended
            states.add(_fields(file)[0])
    return states == {"T"}


def _fields(stat: Path) -> list[str]:
    """The fields of a stat file that follow the name: the state, the parent, ..."""
    return stat.read_text().rpartition(")")[2].split()
