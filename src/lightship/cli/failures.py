"""Reports the failure of a command in one line on standard error; with LIGHTSHIP_DEBUG=1 as a traceback."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from lightship.cli.entry import INTERRUPTED
from lightship.cli.output import print_text
from lightship.errors import LightshipError
from lightship.extras import advice_for
from lightship.printable import printable
from lightship.threads import NO_THREAD

# What the client says of its arguments, which all commands that call a server have as options.
_OPTIONS = (
    ("a certificate that tls= can verify", "a certificate that --ca can verify"),
    ("allow more with timeout=", "allow more with --timeout"),
)


def run_command(run: Callable[[], object], *, failure: int = 1) -> None:
    """Runs a command. If it raises, prints one line and ends the process with exit code `failure`."""
    try:
        try:
            run()
        finally:
            sys.stdout.flush()
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            _exit_if_abandoned(ending.code or 0)
        raise
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of the output has closed the pipe
        _discard_output()
        sys.exit(failure)
    except Exception as error:
        if debug_enabled():
            raise
        print_error(explain(error))
        _exit_if_abandoned(failure)
        sys.exit(failure)
    _exit_if_abandoned(0)


def _exit_if_abandoned(code: int) -> None:
    ending = sys.modules.get("lightship.server.ending")  # only a server has abandoned something
    if ending is not None:
        ending.exit_if_abandoned(code)


def debug_enabled() -> bool:
    return os.environ.get("LIGHTSHIP_DEBUG", "") not in ("", "0")


def explain(error: Exception) -> str:
    """Describes any exception in one line."""
    if isinstance(error, LightshipError):
        return _with_options(" ".join(error.message.split()))
    if isinstance(error, RuntimeError) and str(error) == NO_THREAD:
        return (
            "the system allows no further thread: raise the limit of this user's processes and threads (`ulimit -u`), "
            "or that of the control group or container (pids.max)"
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, ImportError) and (advice := advice_for(error)):
        return f"this needs {advice}"
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{reason} (this is a bug in Lightship; set LIGHTSHIP_DEBUG=1 to see the traceback)"


def _with_options(message: str) -> str:
    """Returns a message of the client with the options of the command line in place of Python's arguments."""
    for python, option in _OPTIONS:
        message = message.replace(python, option)
    return message


def print_error(text: str) -> None:
    print_text(f"error: {printable(text)}", file=sys.stderr)


def print_warning(text: str) -> None:
    print_text(f"warning: {printable(text)}", file=sys.stderr)


@contextmanager
def warnings_afterwards() -> Iterator[None]:
    """Prints the warnings of what the block does at its end, when its progress is no longer shown."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for one in caught:
        print_warning(" ".join(str(one.message).split()))


def quiet_libraries() -> None:
    """Prints each of Python's warnings in one line, and silences TensorFlow's start-up messages."""
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
        print_text(f"warning: {' '.join(str(message).split())}", file=file or sys.stderr)

    warnings.showwarning = show


@contextmanager
def silenced_imports() -> Iterator[None]:
    """Discards standard error while TensorFlow is imported: its C++ code writes there whatever the log level."""
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
    """Discards buffered output, because flushing it when Python exits would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
