"""One `Trials` for all engines of a process that have the same limits and cache."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from lightship.engines.base import EngineOptions
from lightship.engines.cache import CompiledCache
from lightship.engines.trial.trials import Trials

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

_lock = threading.Lock()
_trials: dict[tuple[Path | None, float, int], Trials] = {}


def trials_for(options: EngineOptions) -> Trials:
    key = (options.cache_dir, options.trial_seconds, options.trial_memory)
    with _lock:
        if key not in _trials:
            memory = options.trial_memory or available_memory() // 2
            _trials[key] = Trials(CompiledCache(options.cache_dir), seconds=options.trial_seconds, memory=memory)
        return _trials[key]


def cancel_trials() -> None:
    """Ends the trials that run now; their versions fail."""
    with _lock:
        running = list(_trials.values())
        _trials.clear()
    for trials in running:
        trials.close()


def available_memory() -> int:
    """Bytes that this process may use: the limit of its control group, or the machine's memory."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CGROUP_LIMITS:
        try:
            found.append(int(Path(file).read_text()))
        except (OSError, ValueError):  # another version of control groups, or "max"
            continue
    return min(found)
