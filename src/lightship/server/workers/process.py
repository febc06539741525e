"""Starts the process of a worker, and says why it has ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from socket import socket, socketpair

from lightship.server.workers.shares import Processors

# Signals are handled and processors chosen before anything large is imported.
_MAIN = (
    "import gc, sys, json; gc.disable(); "
    "fd, parent, cpus, sharers, path = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from lightship import processors, signals; signals.handle_worker(); "
    "processors.take_share(cpus, sharers); processors.limit_libraries(); "
    "from lightship.server.workers.worker import main; main(fd, parent)"
)


_SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows, which cannot have workers, has no SIGKILL

# The processes of workers that have not been waited for.
running: set[int] = set()


class WorkerProcess:
    """The process of a worker.

    On Linux it ends with the thread that created this object, so that thread must live as long as the worker.
    """

    def __init__(self, processors: Processors) -> None:
        """Starts the process. Raises OSError if the system cannot."""
        self.connection, theirs = socketpair()
        try:
            self._process = _start(theirs, processors)
            running.add(self._process.pid)
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Kills the process, unless it has been reaped: its number may belong to another one then."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the process has ended. Returns False if it has not after `timeout` seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        running.discard(self._process.pid)
        return True

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it, as the system does when memory is short."""
        return self._process.returncode == -_SIGKILL

    @property
    def reason(self) -> str:
        """Why it has ended."""
        code = self._process.returncode
        if code is None:
            return "it has not ended"
        if code >= 0:
            return f"it ended with exit code {code}"
        with suppress(ValueError):
            return f"{signal.Signals(-code).name} ended it"
        return f"signal {-code} ended it"


def _start(theirs: socket, processors: Processors) -> subprocess.Popen[bytes]:
    arguments = json.dumps([theirs.fileno(), os.getpid(), processors.bound, processors.sharers, sys.path])
    # -P: without it, Python imports the first modules from the working folder, if that has files of their names.
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _MAIN, arguments], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
    )
