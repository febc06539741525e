"""Waits for processes whose parents have died, as the first process of a container must: else they stay as zombies."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Container

_PAUSE = 0.05  # seconds for another thread to wait for a process that it started


def reap_orphans(own: Container[int]) -> None:
    """Starts a thread that waits for every child process that ends, except for `own`, for which others wait.

    Must be used only in a process that starts no other processes. Does nothing on macOS before Python 3.13.
    """
    threading.Thread(target=_reap, args=(own,), name="lightship-orphans", daemon=True).start()


def _reap(own: Container[int]) -> None:
    if sys.platform == "win32" or not hasattr(os, "waitid"):
        return
    pause = threading.Event()
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            if ended is not None and ended.si_pid not in own:
                os.waitpid(ended.si_pid, os.WNOHANG)
                continue
        except ChildProcessError:  # there is no child process, or another thread was faster
            pass
        pause.wait(_PAUSE)
