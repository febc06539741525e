"""Tells whether a process is a server that SIGHUP may be sent to: it ends many other processes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lightship.signals import HANGUP

_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
# The commands that serve: a program's path, the module behind `python -m`, or the text behind `python -c`.
_OURS = re.compile(r"(?:.*/)?(?:lightship|lightship-model-server|tensorflow_model_server)|from lightship\.cli .*")
_PROGRAM_WORDS = 4  # of a command line, in which the program is named: python -X dev -m lightship
_PS_SECONDS = 10.0


def process_number(text: str) -> int | None:
    """Returns the number of a process in a text, or None if the text is not one."""
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:20]) < 2**31:
        return None
    return int(text)


def why_no_server(pid: int) -> str | None:
    """Returns why a process is no server that reads its configuration again on SIGHUP, or None if it is one."""
    if HANGUP is None:
        return "this system has no SIGHUP"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"there is no process {pid}"
    except OSError:  # another user's; or a number that no process can have
        pass
    words = _command_line(pid)
    if not any(_OURS.fullmatch(word) for word in words[:_PROGRAM_WORDS]):
        return f"process {pid} is not a server of Lightship, but {' '.join(words)[:80] or 'unknown'}"
    caught = _caught_signals(pid)
    if caught is not None and not caught >> (HANGUP - 1) & 1:
        return f"process {pid} is a command of Lightship that does not serve"
    return None


def hang_up(pid: int) -> None:
    """Sends SIGHUP to a process for which `why_no_server` returns None. Raises OSError."""
    assert HANGUP is not None
    os.kill(pid, HANGUP)


def _caught_signals(pid: int) -> int | None:
    """Returns the signals that a process has handlers for, as bits; None if this system does not tell."""
    try:
        found = _CAUGHT.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return None
    return int(found[1], 16) if found else None


def _command_line(pid: int) -> Sequence[str]:
    """Returns the words of a process's command line; none if nobody may know them."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        pass
    try:
        told = subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=_PS_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return told.stdout.split()
