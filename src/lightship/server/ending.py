"""Ends a process although threads still run a model, which cannot be stopped.

Python would first destroy the engines, and these wait for their runs, so that a call without an end would keep the
process alive after its time to drain.
"""

from __future__ import annotations

import logging
import os
import sys

from lightship.engines.scratch import remove_present

_abandoned = False


def abandon_runs() -> None:
    """Notes that threads of this process still run or load models although its server has stopped."""
    global _abandoned
    _abandoned = True


def exit_if_abandoned(code: int) -> None:
    """Ends this process at once with an exit code if threads still run or load models. Otherwise returns."""
    if not _abandoned:
        return
    remove_present()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader has closed the pipe, or the stream is closed
            continue
    os._exit(code)
