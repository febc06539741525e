"""Shares one `Trials` object among all engines of a process that have the same limits and cache."""

from __future__ import annotations

import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lightship.engines.base import EngineOptions
from lightship.engines.cache import CompiledCache
from lightship.engines.scratch import sweep
from lightship.engines.trial.pool import HELPERS, MEASURING_HELPERS, Helpers
from lightship.engines.trial.trials import Trials
from lightship.engines.trial.work import BACKEND_WORK, LOW_BACKEND_WORK, LOW_WORK, MEASURING_WORK, WORK, Work
from lightship.memory import available_memory

_lock = threading.Lock()
_trials: dict[tuple[Path | None, float, int, Work], Trials] = {}
_caches: dict[Path | None, CompiledCache] = {}


def cache_for(options: EngineOptions) -> CompiledCache:
    """Returns the cache of compiled models. All engines of the process with the same folder share it."""
    with _lock:
        return _cache_in(options.cache_dir)


def _cache_in(folder: Path | None) -> CompiledCache:
    if folder not in _caches:
        _caches[folder] = CompiledCache(folder)
    return _caches[folder]


def trials_for(options: EngineOptions) -> Trials:
    """Returns the trials of signatures."""
    return _trials_for(options, LOW_WORK if options.low_priority else WORK, HELPERS)


def backend_trials_for(options: EngineOptions) -> Trials:
    """Returns the trials of signatures on backends."""
    return _trials_for(options, LOW_BACKEND_WORK if options.low_priority else BACKEND_WORK, HELPERS)


def measuring_trials_for(options: EngineOptions, *, again: bool = False) -> Trials:
    """Returns the trials that measure what runs cost, in a helper process that no version waits for.

    Of all processes with the same cache, such as the workers of a server, only one measures at a time. again: the first
    attempt has failed. Beside steady requests, a helper that pauses may never measure a run that is longer than the
    time between two of them.
    """
    work = replace(MEASURING_WORK, pauses=False) if again else MEASURING_WORK
    return _trials_for(options, work, MEASURING_HELPERS, alone=True)


def _trials_for(options: EngineOptions, work: Work, helpers: Helpers, *, alone: bool = False) -> Trials:
    key = (options.cache_dir, options.trial_seconds, options.trial_memory, work)
    with _lock:
        if key not in _trials:
            with suppress(OSError):  # there is no temporary folder
                sweep(Path(tempfile.gettempdir()))
            memory = options.trial_memory or available_memory() // 2
            cache = _cache_in(options.cache_dir)
            _trials[key] = Trials(
                cache, seconds=options.trial_seconds, memory=memory, work=work, helpers=helpers, alone=alone
            )
        return _trials[key]


def cancel_trials() -> None:
    """Stops the running trials. The versions that wait for them fail to load."""
    with _lock:
        running = list(_trials.values())
        _trials.clear()
        _caches.clear()
    for trials in running:
        trials.close()
