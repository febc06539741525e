"""Hides what only Unix, or only Linux, has from every Python that has this folder in PYTHONPATH.

What is left resembles Python on Windows as far as that is possible on Linux: no `fcntl`, `resource` and uvloop, no C
extension, no files that the kernel makes, and locks on files by `msvcrt.locking`. The standard library is imported
before, because it finds out by the same modules which system it runs on.
"""

from __future__ import annotations

import asyncio  # noqa: F401
import builtins
import fcntl
import io
import os
import signal
import socket
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401
from types import SimpleNamespace
from typing import Any

_MODULES = (
    "fcntl",
    "resource",
    "uvloop",
    "pwd",
    "grp",
    "termios",
    "lightship.transports.rest.reading._native",
    "lightship.transports.access_log._native",
    "lightship.images._native",
)
_FUNCTIONS = (
    *("sched_getaffinity", "sched_setaffinity", "setpriority", "getpriority", "nice", "memfd_create"),
    *("waitid", "geteuid", "getuid", "O_DIRECTORY", "register_at_fork"),
)
_KERNEL = ("/proc", "/sys", "/dev/shm")


def _locking(file: int, mode: int, size: int) -> None:
    """Locks are mandatory and belong to the open file, as on Windows; the error is that of Windows."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(13, "Permission denied") from error


def _is_kernels(path: Any) -> bool:
    return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(_KERNEL)


def _without_kernel(function: Any) -> Any:
    def hiding(path: Any = ".", *arguments: Any, **named: Any) -> Any:
        if _is_kernels(path):
            raise FileNotFoundError(2, "No such file or directory", os.fspath(path))
        return function(path, *arguments, **named)

    return hiding


def _refuse_link(*arguments: Any, **named: Any) -> None:
    raise OSError(1314, "A required privilege is not held by the client")


_unix, _socketpair = socket.AF_UNIX, socket.socketpair
socket.socketpair = lambda *_: _socketpair(_unix)  # type: ignore[assignment]  # the event loop's own; of TCP on Windows
sys.modules.update(dict.fromkeys(_MODULES))  # type: ignore[arg-type]
sys.modules["msvcrt"] = SimpleNamespace(locking=_locking, LK_NBLCK=2)  # type: ignore[assignment]
for name in _FUNCTIONS:
    delattr(os, name)
for name in ("SIGHUP",):
    delattr(signal, name)
for name in ("AF_UNIX", "SO_REUSEPORT", "send_fds", "recv_fds"):
    delattr(socket, name)
builtins.open = io.open = _without_kernel(io.open)
os.scandir, os.listdir = _without_kernel(os.scandir), _without_kernel(os.listdir)
os.symlink = _refuse_link
_access = os.access
os.access = lambda path, *more, **named: not _is_kernels(path) and _access(path, *more, **named)
