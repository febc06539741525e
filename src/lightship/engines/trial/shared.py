"""Shares one `Trials` object among all engines of a process that have the same limits and cache."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lightship.engines.base import EngineOptions
from lightship.engines.cache import CompiledCache
from lightship.engines.scratch import sweep
from lightship.engines.trial.trials import Trials

_CGROUPS = Path("/sys/fs/cgroup")

_lock = threading.Lock()
_trials: dict[tuple[Path | None, float, int], Trials] = {}


def trials_for(options: EngineOptions) -> Trials:
    key = (options.cache_dir, options.trial_seconds, options.trial_memory)
    with _lock:
        if key not in _trials:
            with suppress(OSError):  # there is no temporary folder
                sweep(Path(tempfile.gettempdir()))
            memory = options.trial_memory or available_memory() // 2
            _trials[key] = Trials(CompiledCache(options.cache_dir), seconds=options.trial_seconds, memory=memory)
        return _trials[key]


def cancel_trials() -> None:
    """Stops the running trials. The versions that wait for them fail to load."""
    with _lock:
        running = list(_trials.values())
        _trials.clear()
    for trials in running:
        trials.close()


def available_memory() -> int:
    """Returns the bytes that this process may use: the lowest limit of its control groups, or the machine's memory."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _limit_files():
        with suppress(OSError, ValueError):  # the other version of control groups, or "max" for no limit
            found.append(int(file.read_text()))
    return min(found)


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
