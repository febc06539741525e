"""The main function of a helper process, which handles requests until its input is closed."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from lightship.engines.trial.messages import STANDARD_OUTPUT, read_message, write_message
from lightship.errors import LightshipError

Handler = Callable[[Mapping[str, Any], Path], dict[str, Any]]

_PR_SET_PDEATHSIG = 1


def main(work: str, parent: int, answers: int) -> None:
    """Says whether this process will end with the server, then that it is prepared, and handles requests after that.

    Requests come from standard input. `work` is the function that handles one, as module:function; if its module has a
    function `prepare`, that is called first. `parent` is the server's process id; the helper ends when that process
    ends. `answers` is the file descriptor that answers are written to; where it is the standard output, nothing else is
    written there.
    """
    ends_with_server = _end_first(parent)
    requests, out = os.fdopen(os.dup(0), "rb"), os.fdopen(_moved(answers), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    write_message(out, {"ends_with_server": ends_with_server})
    name, _, function = work.partition(":")
    module = import_module(name)
    getattr(module, "prepare", lambda: None)()
    write_message(out, {"prepared": True})
    found: Handler = getattr(module, function)
    while (request := read_message(requests)) is not None:
        write_message(out, _answer(found, request))
        gc.collect()


def _moved(answers: int) -> int:
    """Returns the file for answers. If that is the standard output, libraries that print write to nowhere from now."""
    if answers != STANDARD_OUTPUT:
        return answers
    moved = os.dup(answers)
    os.dup2(os.open(os.devnull, os.O_WRONLY), answers)
    return moved


def _answer(work: Handler, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"info": work(request["request"], Path(request["out"]))}
    except LightshipError as error:
        return {"error": {"code": int(error.code), "text": error.message}}
    except MemoryError:
        return {"failed": "the helper process ran out of memory"}
    except Exception as error:  # any exception is a failure of this version; the next request may succeed
        return {"failed": f"{type(error).__name__}: {error}"}


def _end_first(parent: int) -> bool:
    """Asks the system to end this process before all others when memory is short, and when the server ends.

    Returns whether it ends with the server even while it is stopped.
    """
    ends_with_server = False
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _dump_no_core()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if sys.platform == "linux":
        ends_with_server = not ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if sys.platform != "win32" and os.getppid() != parent:  # in a virtual environment of Windows it is never the parent
        os._exit(1)
    return ends_with_server


def _dump_no_core() -> None:
    """Crashes are expected here, so core dumps are useless. Windows has no such limit, nor the module for it."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        if sys.platform != "win32":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
