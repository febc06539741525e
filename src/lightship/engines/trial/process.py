"""Starts, asks and stops one helper process. This code runs in the server's process."""

from __future__ import annotations

import contextlib
import json
import os
import re
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

from lightship.engines.scratch import Scratch
from lightship.engines.trial.messages import STANDARD_OUTPUT, missing, parse, write_message
from lightship.engines.trial.processors import SparedProcessor
from lightship.engines.trial.shortage import names_shortage
from lightship.engines.trial.work import Work
from lightship.pauses import LOADS, PAUSES
from lightship.priority import at_usual_priority, lower_thread
from lightship.process_tree import process_tree

_NO_THREAD = "this process is ending, or the system allows it no further thread"
_LOOK_SECONDS = 0.05
_END_SECONDS = 5.0
_OUTPUT_SECONDS = 1.0
_KEPT_OUTPUT = 4096
# Time in which a helper is paused or waits for a processor does not count, up to so many times the time that it may
# take.
_MAX_WAITING = 4
_PIECE = 1 << 16
_HELD = re.compile(rb"^Rss(?:Anon|Shmem):\s+(\d+) kB$", re.MULTILINE)
# Windows hands over the standard files only. There the answers come through the helper's standard output.
_PASSES_FILES = sys.platform != "win32"
# Elsewhere a thread has no priority of its own.
_NICENESS_OF_STARTER = 5 if sys.platform == "linux" else 0
_TEMPORARY: tuple[str, ...] = ("TMPDIR",)
_CREATION_FLAGS = 0
if sys.platform == "win32":
    _TEMPORARY += ("TEMP", "TMP")
    _CREATION_FLAGS = subprocess.IDLE_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
_WINDOWS_CRASHES = {
    0xC0000005: signal.SIGSEGV,  # access violation
    0xC00000FD: signal.SIGSEGV,  # stack overflow
    0xC000001D: signal.SIGILL,
    0xC0000094: signal.SIGFPE,  # integer division by zero
    0xC0000374: signal.SIGABRT,  # damaged heap
    0xC0000409: signal.SIGABRT,  # abort()
}
_MAIN = (
    "import sys, json; work, parent, answers, path, niceness = json.loads(sys.argv[1]); sys.path[:] = path; "
    # Before the rest is imported, which takes 0.3 s.
    "from lightship.priority import lower_process; lower_process(niceness); "
    "from lightship.engines.trial.helper import main; main(work, parent, answers)"
)


class HelperEnded(Exception):
    """The helper process ended or was stopped.

    `reason` is a text for people. `signal` is the signal that killed the helper, or 0. `slow` is True if the helper
    took too long. `fresh` is True if this was the helper's first request, so that no earlier request can have caused
    the failure.
    """

    def __init__(self, reason: str, signal: int = 0, *, slow: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.signal, self.slow, self.fresh = reason, signal, slow, False


class HelperProcess:
    """A helper process. It starts when this object is created, and ends on `stop` or with the process that created it.

    The helper's temporary files are in a folder of its own, which is removed with it. Raises OSError if it cannot be
    started.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self._answered, self._begun = 0, False
        self._stopped = threading.Event()
        self._pausing, self._pauses = threading.Lock(), 0
        self._spared: SparedProcessor | None = None
        self._paused, self._paused_at = 0.0, 0.0  # the seconds of the pauses that are over, and when the last one began
        self._scratch = _scratch()
        try:
            self._start()
        except BaseException as error:
            self._remove_scratch()
            if isinstance(error, RuntimeError):
                raise OSError(_NO_THREAD) from error
            raise

    def _start(self) -> None:
        answers, given = os.pipe()
        try:
            # Linux ends the child process together with the thread that started it, so a permanent thread starts it.
            temporary = self._scratch.path if self._scratch is not None else None
            self._process = _starter().submit(_start, self.work, given, temporary).result()
        except BaseException:
            os.close(answers)
            raise
        finally:
            os.close(given)
        self._answers = os.fdopen(answers, "rb", 0)
        self._printed = b""
        self._reader = threading.Thread(target=self._keep_output, name="lightship-helper-output", daemon=True)
        try:
            self._reader.start()
        except RuntimeError:
            self._kill_group()
            self._process.wait()
            self._close_streams()
            raise

    @property
    def alive(self) -> bool:
        return not self._has_ended()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def paused(self) -> float:
        """The seconds for which it has been paused so far."""
        with self._pausing:
            return self._paused + (time.monotonic() - self._paused_at if self._pauses else 0.0)

    def pause(self) -> None:
        with self._pausing:
            self._pauses += 1
            if self._pauses == 1:
                self._paused_at = time.monotonic()
                self._signal("SIGSTOP")

    def go_on(self) -> None:
        with self._pausing:
            self._pauses -= 1
            if self._pauses == 0:
                self._paused += time.monotonic() - self._paused_at
                self._signal("SIGCONT")

    def _signal(self, name: str) -> None:
        # Windows has no such signals. The id of a process that was reaped may belong to another one.
        if sys.platform != "win32" and self._process.returncode is None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, getattr(signal, name))

    def ask(self, request: dict[str, Any], out: Path, seconds: float, memory: int) -> dict[str, Any]:
        """Sends a request and returns the helper's answer.

        Raises HelperEnded if the helper dies, takes longer than `seconds`, or uses more than `memory` bytes. The helper
        process is then stopped.
        """
        try:
            answer = self._asked({"request": request, "out": str(out)}, seconds, memory)
        except HelperEnded as ended:
            ended.fresh = self._answered == 0
            self.stop()
            raise
        self._answered += 1
        return answer

    def _asked(self, message: dict[str, Any], seconds: float, memory: int) -> dict[str, Any]:
        try:
            if not self._begun:
                ends_with_server = self._answer(seconds, memory)["ends_with_server"]
                if ends_with_server and self.work.pauses:  # otherwise one that is stopped would outlive this process
                    self._let_pause()
                self._answer(seconds, memory)  # that it is prepared
                if self.work.spares_processor:
                    self._spared = SparedProcessor(self.pid)
                self._begun = True
            assert self._process.stdin is not None
            write_message(self._process.stdin, message)
            return self._answer(seconds, memory)
        except (OSError, ValueError) as error:  # ValueError: another thread stopped the helper and closed its files
            raise self._ended() from error

    def _let_pause(self) -> None:
        PAUSES.add(self)
        if self.work.pauses_for_loads:
            LOADS.add(self)
        if self._stopped.is_set():  # by another thread, before it was added
            self._let_pause_no_more()

    def _let_pause_no_more(self) -> None:
        PAUSES.remove(self)
        LOADS.remove(self)

    def stop(self) -> None:
        """Kills the helper process and waits until it has ended."""
        self._stopped.set()
        self._let_pause_no_more()
        self._kill_group()
        self._process.wait()
        self._reader.join(_OUTPUT_SECONDS)
        self._close_streams()
        self._remove_scratch()

    def _close_streams(self) -> None:
        for stream in (self._process.stdin, self._process.stderr, self._answers):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _has_ended(self) -> bool:
        """Returns whether the process has ended, without reaping it where the system can do that.

        Until it is reaped, the system does not reuse its process id or its group's id.
        """
        if self._process.returncode is not None:
            return True
        if sys.platform == "win32" or not hasattr(os, "waitid"):  # macOS has it from Python 3.13 on
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # other code has reaped it
            return True

    def _kill_group(self) -> None:
        """Kills the process and its children, unless its process id may already belong to another process."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)

    def resident(self) -> int:
        """Returns the bytes of memory that the process and its children use, without mapped files; 0 if unknown."""
        return sum(map(_held_by, process_tree(self._process.pid)))

    def waited(self) -> float:
        """Returns for how long the helper was paused, and its main thread has waited for a processor, if that is known.

        Time in which it was paused while it waited counts twice.
        """
        with contextlib.suppress(OSError, ValueError, IndexError):
            return self.paused + int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1]) / 1e9
        return self.paused

    def _answer(self, seconds: float, memory: int) -> dict[str, Any]:
        """Reads the helper's answer within the limits of time and memory."""
        end, received = time.monotonic() + seconds, bytearray()
        latest, waited = end + _MAX_WAITING * seconds, self.waited()
        try:
            while missing(received) > 0:
                if _readable(self._answers.fileno()):
                    more = self._answers.read(min(_PIECE, missing(received)))
                    if not more:
                        raise self._ended()
                    received += more
                if self._spared is not None:
                    self._spared.look()
                now = time.monotonic()
                if now > latest or now > end + self.waited() - waited:
                    raise HelperEnded(f"the helper process took longer than {seconds:g} s (--trial-seconds)", slow=True)
                if self.resident() > memory:
                    raise HelperEnded(
                        f"the helper process needs more than {memory / (1 << 20):,.0f} MiB of memory (--trial-memory)"
                    )
            return parse(received)
        except ValueError as error:
            if self._stopped.is_set():
                raise
            raise HelperEnded(f"the answer of the helper process cannot be read: {error}") from error

    def _remove_scratch(self) -> None:
        if self._scratch is not None:
            self._scratch.remove()

    def _ended(self) -> HelperEnded:
        """Returns an error that says why the helper ended."""
        if self._stopped.is_set():
            return HelperEnded("the server is stopping")
        end = time.monotonic() + _END_SECONDS
        while not self._has_ended():
            if time.monotonic() > end:
                return HelperEnded("the helper process closed its output before it answered")
            time.sleep(0.01)
        self._let_pause_no_more()
        self._kill_group()  # as long as the process is not reaped, its id is not reused
        code = self._process.wait()
        self._reader.join(_OUTPUT_SECONDS)
        if self._stopped.is_set():
            return HelperEnded("the server is stopping")
        said = _last_words(self._printed.decode(errors="replace"))
        number = _signal_of(code)
        how = f"signal {number} ({_name(number)})" if number else f"exit code {code}"
        return HelperEnded(f"the helper process ended by {how}" + (f": {said}" if said else ""), number)

    def _keep_output(self) -> None:
        """Keeps the last bytes of the helper's standard error, which may say why it ended."""
        assert self._process.stderr is not None
        while printed := os.read(self._process.stderr.fileno(), _KEPT_OUTPUT):
            self._printed = (self._printed + printed)[-_KEPT_OUTPUT:]


def _scratch() -> Scratch | None:
    try:
        return Scratch()
    except OSError:  # the helper may not need temporary files
        return None


def _start(work: Work, answers: int, temporary: Path | None) -> subprocess.Popen[bytes]:
    """Starts a helper process.

    The helper does not import the user's main program and inherits no open files except `answers`. It gets the server's
    `sys.path`. In a process group of its own it gets no signals that the terminal sends to the server. It stays in the
    server's session, because Linux may group processes by that, and compares the time slices only within a group.
    """
    inherited = [answers] if _PASSES_FILES else []
    answers_to = answers if _PASSES_FILES else STANDARD_OUTPUT
    niceness = max(0, work.niceness - _NICENESS_OF_STARTER)
    arguments = json.dumps([work.function, os.getpid(), answers_to, sys.path, niceness])
    # -P: without it, Python imports the first modules from the working folder, if that has files of their names.
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _MAIN, arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if _PASSES_FILES else answers,
        stderr=subprocess.PIPE,
        pass_fds=inherited,
        env={**os.environ, **dict.fromkeys(_TEMPORARY, str(temporary))} if temporary is not None else None,
        process_group=0,
        creationflags=_CREATION_FLAGS,
    )


def _held_by(pid: int) -> int:
    """Returns the bytes of private and shared memory, without mapped files, which the system can reclaim."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    return 1024 * sum(int(size) for size in _HELD.findall(status))


def _readable(pipe: int) -> bool:
    """Waits for a moment for something to read, or the end of the stream, and returns whether there is any."""
    if sys.platform != "win32":
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        return bool(poll.poll(_LOOK_SECONDS * 1000))
    import _winapi
    import msvcrt

    end = time.monotonic() + _LOOK_SECONDS
    while True:
        try:
            if _winapi.PeekNamedPipe(msvcrt.get_osfhandle(pipe))[0]:
                return True
        except OSError:  # the other end is closed
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.005)


@cache
def _starter() -> ThreadPoolExecutor:
    """Returns what starts the helpers. They inherit the priority of its thread, and so step back from their start."""
    starter = ThreadPoolExecutor(1, "lightship-helpers", lower_thread, (_NICENESS_OF_STARTER,))
    at_usual_priority(lambda: starter.submit(int).result())  # starts its thread
    return starter


def _signal_of(code: int) -> int:
    """Returns the signal that ended a process, by its exit code; 0 for none. Windows has codes for the same crashes."""
    return _WINDOWS_CRASHES.get(code & 0xFFFFFFFF, 0) if sys.platform == "win32" else max(0, -code)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _last_words(printed: str) -> str:
    """Returns the last line, or the last one that names a shortage: a trace of the stack may follow it."""
    lines = printed.strip().splitlines() or [""]
    return next(filter(names_shortage, reversed(lines)), lines[-1])[:300]
