"""A helper process, seen from the server."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from lightship.engines.trial.messages import read_message, write_message

_LOOK_SECONDS = 0.05
_KEPT_OUTPUT = 4096
_MAIN = (
    "import sys, json; work, parent, answers, path = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from lightship.engines.trial.helper import main; main(work, parent, answers)"
)


class Ended(Exception):
    """The helper ended, or was ended. reason: for people. signal: what it died of; 0 for none. limit: it was too slow
    or too large."""

    def __init__(self, reason: str, signal: int = 0, *, limit: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.signal, self.limit = reason, signal, limit


class HelperProcess:
    """Started at once; ends when it is stopped, and with the process that started it."""

    def __init__(self, work: str) -> None:
        self.work = work
        self._stopped = threading.Event()
        answers, given = os.pipe()
        try:
            # Linux ends a process with the thread that started it, so that is one that stays.
            self._process = _starter().submit(_start, work, given).result()
        finally:
            os.close(given)
        self._answers = os.fdopen(answers, "rb")
        self._printed = b""
        self._reader = threading.Thread(target=self._keep_output, name="lightship-helper-output", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, Any], out: Path, seconds: float, memory: int) -> dict[str, Any]:
        """Its answer. Raises Ended where it dies, takes longer than `seconds`, or more than `memory` bytes; it is gone
        then."""
        try:
            assert self._process.stdin is not None
            write_message(self._process.stdin, {"request": request, "out": str(out)})
            self._wait(seconds, memory)
            answer = read_message(self._answers)
        except OSError as error:
            raise self._ended() from error
        except Ended:
            self.stop()
            raise
        if answer is None:
            raise self._ended()
        return answer

    def stop(self) -> None:
        """Ends it now, and waits until it is gone."""
        self._stopped.set()
        if self._process.returncode is None:  # else the number may be another process's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stderr, self._answers):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def resident(self) -> int:
        """Bytes of memory that it holds; 0 if that cannot be told."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _wait(self, seconds: float, memory: int) -> None:
        end = time.monotonic() + seconds
        while not select.select([self._answers], [], [], _LOOK_SECONDS)[0]:
            if time.monotonic() > end:
                raise Ended(f"it took longer than {seconds:g} s (--trial-seconds)", limit=True)
            held = self.resident()
            if held > memory:
                raise Ended(f"it needs more than {memory / (1 << 20):,.0f} MiB of memory (--trial-memory)", limit=True)

    def _ended(self) -> Ended:
        """Why it is not there any more."""
        stopped = self._stopped.is_set()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        code = self._process.poll()
        self.stop()
        if stopped:
            return Ended("the server is stopping")
        said = self._printed.decode(errors="replace").strip().rpartition("\n")[2][:300]
        how = f"signal {-code} ({_name(-code)})" if code is not None and code < 0 else f"exit code {code}"
        return Ended(f"the helper process ended by {how}" + (f": {said}" if said else ""), max(0, -(code or 0)))

    def _keep_output(self) -> None:
        """The last of what it prints, which may say why it ended."""
        assert self._process.stderr is not None
        while printed := os.read(self._process.stderr.fileno(), _KEPT_OUTPUT):
            self._printed = (self._printed + printed)[-_KEPT_OUTPUT:]


def _start(work: str, answers: int) -> subprocess.Popen[bytes]:
    """Neither the user's program nor its files are taken along: only where Python finds its modules."""
    arguments = json.dumps([work, os.getpid(), answers, sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[answers],
        start_new_session=True,
    )


@cache
def _starter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="lightship-helpers")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
