"""The helper process: does one request after another until nobody asks any more."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from lightship.engines.trial.messages import read_message, write_message
from lightship.errors import LightshipError

Work = Callable[[Mapping[str, Any], Path], dict[str, Any]]

_PR_SET_PDEATHSIG = 1
_NICENESS = 5


def main(work: str, parent: int, answers: int) -> None:
    """work: module:function. parent: the process that must not be outlived. answers: the file that answers go to;
    requests come in on standard input."""
    _step_back(parent)
    requests, out = os.fdopen(os.dup(0), "rb"), os.fdopen(answers, "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    module, _, function = work.partition(":")
    found: Work = getattr(import_module(module), function)
    while (request := read_message(requests)) is not None:
        write_message(out, _answer(found, request))
        gc.collect()


def _answer(work: Work, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"info": work(request["request"], Path(request["out"]))}
    except LightshipError as error:
        return {"error": {"code": int(error.code), "text": error.message}}
    except MemoryError:
        return {"failed": "the helper process ran out of memory"}
    except Exception as error:  # whatever it is, it is this version's failure, and the next request may succeed
        return {"failed": f"{type(error).__name__}: {error}"}


def _step_back(parent: int) -> None:
    """This process goes first when memory is short, waits behind the server's, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    with contextlib.suppress(OSError, ValueError):  # a crash is expected here, and its memory is of no use
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
