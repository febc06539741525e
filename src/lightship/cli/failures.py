"""How a command fails: one line on standard error that says what to do, and never a traceback unless asked for."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from lightship.errors import LightshipError

INTERRUPTED = 130  # as a shell reports a process that SIGINT ended


def run_command(run: Callable[[], object], *, failure: int = 1) -> None:
    """Runs a command; ends the process with `failure` and a line where it raises."""
    try:
        try:
            run()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough
        _discard_output()
        sys.exit(failure)
    except Exception as error:
        if debug_enabled():
            raise
        print_error(explain(error))
        sys.exit(failure)


def debug_enabled() -> bool:
    return os.environ.get("LIGHTSHIP_DEBUG", "") not in ("", "0")


def explain(error: Exception) -> str:
    """One line about any exception."""
    if isinstance(error, LightshipError):
        return " ".join(error.message.split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{reason} (this should not happen; LIGHTSHIP_DEBUG=1 shows where it came from)"


def print_error(text: str) -> None:
    print(f"error: {text}", file=sys.stderr)


def print_warning(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def quiet_libraries() -> None:
    """Python's warnings in one line each, without the place that raised them; and none of TensorFlow's greetings."""
    if not debug_enabled():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        print(f"warning: {' '.join(str(message).split())}", file=file or sys.stderr)

    warnings.showwarning = show


@contextmanager
def silenced_imports() -> Iterator[None]:
    """TensorFlow's C++ writes to the file descriptor while it is imported, whatever its log level."""
    if debug_enabled():
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _discard_output() -> None:
    """What is still buffered would fail again when Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
