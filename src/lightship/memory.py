"""How much memory this process may use, and how it returns freed memory to the system.

Without glibc, freed memory is left to the C library.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from lightship.threads import start_timer

LARGE = 16 << 20  # bytes of a request's memory from which releasing memory is worthwhile
_SOON = 0.5  # seconds after a large request in which others may end, so that memory is released once for all of them
_FULL_EVERY = 32  # changes of what lives long
_LEAST_BUDGET = 256 << 20
_UNKNOWN_MEMORY = 2 << 30  # where the system does not say how much there is
_CGROUPS = Path("/sys/fs/cgroup")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT = 32 << 20  # bytes; the largest value that glibc accepts for _MMAP_THRESHOLD
_KEPT_OF_MODELS = 128 << 10  # bytes of free memory at the end of an arena that are kept while models come and go
_MAPPED_OF_MODELS = 1 << 20  # bytes from which memory is mapped, and so unmapped when it is freed, meanwhile


def default_budget() -> int:
    """Returns the default of the memory budget of requests: a quarter of the available memory, at least 256 MiB."""
    return max(_LEAST_BUDGET, available_memory() // 4)


def available_memory() -> int:
    """Returns the bytes that this process may use: the lowest limit of its control groups, or the machine's memory."""
    found = [_machine_memory()]
    for file in _limit_files():
        with suppress(OSError, ValueError):  # the other version of control groups, or "max" for no limit
            found.append(int(file.read_text()))
    return min(found)


def _machine_memory() -> int:
    """Returns the machine's memory in bytes, or a small one where the system does not say."""
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        found = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.total) if found else _UNKNOWN_MEMORY
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return _UNKNOWN_MEMORY


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("others", ctypes.c_uint64 * 6),
    )


def _limit_files() -> Iterator[Path]:
    """Returns the limit files of the process's control groups and their parents, in both versions of control groups."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    # In a container, the path may be the host's and not exist here. The root is then the container's own group.
    for line in [*lines, "0::/", "0:memory:/"]:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (_CGROUPS / "memory", "memory.limit_in_bytes") if controllers else (_CGROUPS, "memory.max")
        own = root / path.lstrip("/")
        yield from (group / name for group in (own, *own.parents) if group.is_relative_to(root))


class _Soon:
    """Calls a function on a thread of its own soon, once for several reasons in a row. Any thread may use it."""

    def __init__(self, function: Callable[[], None], seconds: float) -> None:
        self._function, self._seconds = function, seconds
        self._due = False

    def schedule(self) -> None:
        if not self._due:
            self._due = True
            if start_timer(self._seconds, self._call) is None:
                self._due = False

    def _call(self) -> None:
        self._due = False
        self._function()


class LongLived:
    """Keeps the garbage collector from visiting what lives long, such as modules and loaded models.

    Otherwise a full collection, which stops all threads, takes up to 0.2 s. This affects the whole process, so use it
    only in a process that does nothing but serve. Any thread may call it.
    """

    def __init__(self, full_every: int = _FULL_EVERY) -> None:
        """full_every: at each change of this number, what was set aside before is collected too.

        That stops all threads for 20 to 60 ms. What an unloaded model leaves for it is less than 100 kB on OpenVINO,
        because the weights are released when the model is closed. After `leave_large_garbage`, the next change does
        so in any case.
        """
        self._soon = _Soon(self._set_aside, _SOON)
        self._full_every, self._changes = full_every, 0

    def changed(self) -> None:
        """Schedules a collection of what is new. What is left of it is not visited before the next full collection."""
        self._soon.schedule()

    def _set_aside(self) -> None:
        self._changes += 1
        large = _large_garbage.is_set()
        if large:
            _large_garbage.clear()  # before the collection, so that what is left during it counts for the next one
        if large or self._changes % self._full_every == 0:
            gc.unfreeze()
        with returning_freed_memory():
            gc.collect()
        gc.freeze()
        if large:
            release_freed_memory()


_large_garbage = threading.Event()


def leave_large_garbage() -> None:
    """Makes the next change of what lives long free everything that can be freed.

    Call it when large memory is in the hands of objects that refer to each other. Any thread may call it.
    """
    _large_garbage.set()


def resume_collections() -> None:
    """Lets the garbage collector run again, which a command that serves stops while it imports its modules.

    It does not visit what there is now. Otherwise it would visit all modules several times during the start.
    """
    gc.freeze()
    gc.enable()


@contextmanager
def without_collections(*, set_aside: bool = False) -> Iterator[None]:
    """Stops the garbage collector while the block runs, which imports a large library: nothing of that is garbage.

    set_aside: let the garbage collector never visit what there is afterwards. A full collection takes 0.2 s with
        TensorFlow. This affects the whole process, so ask for it only in a helper process.
    """
    enabled = gc.isenabled()
    if set_aside:
        gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if set_aside:
            gc.freeze()
        if enabled:
            gc.enable()


class MemoryKeeper:
    """Returns memory to the system soon after large requests, once for several in a row. Any thread may call it."""

    def __init__(self) -> None:
        self._soon = _Soon(_collect_and_release, _SOON)

    def after(self, size: int) -> None:
        """Schedules a release if a finished request held at least `LARGE` bytes."""
        if size >= LARGE:
            self._soon.schedule()


def _collect_and_release() -> None:
    gc.collect()
    release_freed_memory()


def release_freed_memory() -> None:
    """Returns freed memory to the system. This takes some milliseconds, depending on the amount."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


class _Thresholds:
    """From how many bytes on glibc maps memory, and returns freed memory. Any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept = False
        self._returning = 0

    def keep(self) -> None:
        with self._lock:
            self._kept = True
            self._set()

    @contextmanager
    def returning(self) -> Iterator[None]:
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        with self._lock:
            before, self._returning = self._returning, self._returning + by
            if bool(before) != bool(self._returning):
                self._set()

    def _set(self) -> None:
        library = _glibc() if self._kept else None
        if library is not None:
            library.mallopt(_MMAP_THRESHOLD, _MAPPED_OF_MODELS if self._returning else _KEPT)
            library.mallopt(_TRIM_THRESHOLD, _KEPT_OF_MODELS if self._returning else _KEPT)


_thresholds = _Thresholds()


def keep_freed_memory() -> None:
    """Makes the process keep up to 32 MB of freed memory in each arena for later allocations.

    By default glibc returns the memory of a body of a megabyte at once and takes new pages for the next body, which
    costs a tenth of the time of a request with a list of floats. This affects the whole process, so call it only in a
    process that does nothing but serve.
    """
    _thresholds.keep()


def returning_freed_memory() -> AbstractContextManager[None]:
    """Returns a context in which `keep_freed_memory` has no effect. Models are loaded and unloaded in such a context.

    Otherwise the memory of a model of less than 32 MB stays in the arenas of the threads that loaded it, because
    `malloc_trim` returns what is free at the end of the main arena only. Measured: a MobileNetV2 left 36 MB more after
    60 loads, and now nothing. Several threads may be in such contexts at the same time.
    """
    return _thresholds.returning()


@cache
def _glibc() -> Any:
    try:
        library = ctypes.CDLL(None)
        return library if library.malloc_trim and library.mallopt else None
    except (OSError, AttributeError, TypeError):  # TypeError: Windows has no library of the process itself
        return None
