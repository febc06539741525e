"""Keeps the log lines of TensorFlow's C++ code from standard error while a block runs.

That code writes to the file descriptor itself, whatever Python's loggers say, and reads its log level from the
environment once and for all. So neither a logger nor TF_CPP_MIN_LOG_LEVEL could silence it for a while. Instead, a pipe
takes the place of standard error, and a thread passes on everything that is not such a line.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_STANDARD_ERROR = 2
_CHUNK = 1 << 16
_CAPACITY = 1 << 20  # bytes in the pipe, where the system allows it
_SECONDS = 10.0  # to wait for the thread at the end; it needs less than a millisecond

# What is left out: messages of the levels INFO, WARNING and ERROR, in TensorFlow's own form and in that of Abseil. What
# ends a call raises an exception as well. FATAL messages are passed on, because the process ends after one.
_LOG_LINE = re.compile(
    rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] \S+:\d+\] "
    rb"|[IWE]\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\] "
    rb"|WARNING: All log messages before absl::InitializeLog\(\) is called"
    rb"|To enable the following instructions: "  # the second line of a message
)
_MAY_BECOME_ONE = re.compile(rb"[0-9IWET]")


class LogFilter:
    """Removes TensorFlow's log lines from a stream of bytes that comes in pieces."""

    def __init__(self) -> None:
        self._held = b""  # the beginning of a line that may become one of TensorFlow's
        self._within = False  # whether the beginning of the current line was passed on

    def feed(self, data: bytes) -> bytes:
        """Returns what to show of the bytes so far."""
        shown = b""
        lines = (self._held + data).splitlines(keepends=True)
        self._held = b""
        for line in lines:
            complete = line.endswith((b"\n", b"\r"))
            if not self._within and not complete and _MAY_BECOME_ONE.match(line):
                self._held = line
            elif self._within or not _LOG_LINE.match(line):
                shown += line
                self._within = not complete
        return shown

    def rest(self) -> bytes:
        """Returns what to show of an incomplete last line."""
        line, self._held, self._within = self._held, b"", False
        return b"" if _LOG_LINE.match(line) else line


@contextmanager
def without_tensorflow_log(show: Callable[[bytes], None] | None = None) -> Iterator[None]:
    """Removes TensorFlow's log lines from standard error. Does nothing with LIGHTSHIP_DEBUG=1 in the
    environment, and if TensorFlow's verbose log is turned on.

    show: is called, in a thread, with everything else; by default it goes where standard error went before.
    """
    pipe = None if _wanted() else _Pipe.open(show)
    if pipe is None:
        yield
        return
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    try:
        yield
    finally:
        pipe.close()
        if level is None:  # the serving engine may have set it
            os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)


def _wanted() -> bool:
    """Whether somebody asks for the log by an environment variable."""
    verbose = (os.environ.get(name, "") for name in ("LIGHTSHIP_DEBUG", "TF_CPP_MAX_VLOG_LEVEL", "TF_CPP_VMODULE"))
    return any(value not in ("", "0") for value in verbose)


class _Pipe:
    """A pipe in the place of standard error.

    A process that is started meanwhile keeps its end open, so the thread reads on until it has ended too.
    """

    @classmethod
    def open(cls, show: Callable[[bytes], None] | None) -> _Pipe | None:
        """Returns None if standard error is closed, or if the system allows no further file or thread."""
        try:
            original = os.dup(_STANDARD_ERROR)
        except OSError:
            return None
        try:
            reader, writer = os.pipe()
        except OSError:
            os.close(original)
            return None
        _enlarge(writer)
        pipe = cls(original, reader, os.fstat(writer).st_ino, show)
        try:
            threading.Thread(target=pipe._pass_on, name="lightship-stderr", daemon=True).start()
        except RuntimeError:
            for descriptor in (original, reader, writer):
                os.close(descriptor)
            return None
        _flush()
        os.dup2(writer, _STANDARD_ERROR)
        os.close(writer)
        return pipe

    def __init__(self, original: int, reader: int, identity: int, show: Callable[[bytes], None] | None) -> None:
        self._original, self._reader, self._identity, self._show = original, reader, identity, show
        self._mark = b"\0" + secrets.token_hex(16).encode() + b"\0"
        self._marked = threading.Event()

    def close(self) -> None:
        """Puts standard error back, after all that was written so far has been passed on."""
        _flush()
        with suppress(OSError):
            if os.fstat(_STANDARD_ERROR).st_ino != self._identity:
                return  # somebody else has replaced it meanwhile, and our thread has ended
        os.write(_STANDARD_ERROR, self._mark)
        os.dup2(self._original, _STANDARD_ERROR)
        self._marked.wait(_SECONDS)

    def _pass_on(self) -> None:
        lines, pending = LogFilter(), b""
        while data := os.read(self._reader, _CHUNK):
            before, mark, after = (pending + data).partition(self._mark)
            pending = b"" if mark else _possible_start(before, self._mark)
            self._write(lines.feed(before[: len(before) - len(pending)]))
            if mark:
                self._write(lines.rest())
                self._show = None  # the block has ended
                self._marked.set()
                self._write(lines.feed(after))
        self._write(lines.feed(pending) + lines.rest())
        os.close(self._reader)
        os.close(self._original)

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with suppress(Exception):  # nobody reads the original any more; the writers must not wait for that
            if self._show is not None:
                self._show(data)
            else:
                while data:
                    data = data[os.write(self._original, data) :]


def _possible_start(data: bytes, mark: bytes) -> bytes:
    """Returns the end of `data` that may be the beginning of the mark."""
    begin = data.rfind(mark[:1], max(0, len(data) - len(mark)))
    return data[begin:] if begin >= 0 and mark.startswith(data[begin:]) else b""


def _enlarge(pipe: int) -> None:
    """C++ code that holds the interpreter's lock must not wait for the thread, which needs it to make room."""
    if sys.platform == "linux":
        with suppress(ImportError, OSError):
            import fcntl

            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _CAPACITY)


def _flush() -> None:
    with suppress(Exception):
        sys.stderr.flush()
