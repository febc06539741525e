"""Tells, in metrics of our own, how loads went, and which versions there are."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightship.bundle.manifest import EXTRAS
from lightship.errors import Code, LightshipError
from lightship.lifecycle.attempts import LoadFunction
from lightship.lifecycle.servable import Servable, ServableId
from lightship.lifecycle.served_models import ServedModels
from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.saved_model.version_files import walk
from lightship.transports.metrics.own.families import Sample, own_counter, own_gauge, own_histogram
from lightship.transports.metrics.text import Family

_LIMITS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 150.0, 300.0)  # seconds
_MAX_KEPT = 1000  # models, and versions, of which figures are kept; the oldest are removed first
_WORKER_STATES = ("STARTING", "SERVING", "ENDED")


@dataclass(slots=True)
class _Loads:
    """The loads of one model."""

    # Those that succeeded, by their duration; the last bucket has no limit.
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))
    seconds: float = 0.0
    failed: int = 0


class VersionMetrics:
    """Counts the loads of this process. Any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loads: dict[str, _Loads] = {}  # by the name of the model
        self._bytes: dict[tuple[str, int], int] = {}  # by the name of the model and the version

    def counted(self, load: LoadFunction) -> LoadFunction:
        """Returns a function that does the same, and counts it."""

        def counted_load(id: ServableId, path: Path) -> Servable:
            begun = time.perf_counter()
            try:
                servable = load(id, path)
            except BaseException:
                self.failed(id)
                raise
            self.loaded(id, time.perf_counter() - begun, _files_bytes(path))
            return servable

        return counted_load

    def failed(self, id: ServableId) -> None:
        """Counts an attempt that failed."""
        with self._lock:
            self._of(id.name).failed += 1

    def loaded(self, id: ServableId, seconds: float, size: int | None) -> None:
        """Counts an attempt that succeeded. size: the bytes of the version's files, if they are known."""
        with self._lock:
            one = self._of(id.name)
            one.buckets[bisect_left(_LIMITS, seconds)] += 1
            one.seconds += seconds
            self._bytes.pop((id.name, id.version), None)
            if size is not None:
                _make_room(self._bytes)
                self._bytes[id.name, id.version] = size

    def families(self) -> list[Family]:
        """Returns what was counted."""
        with self._lock:
            loads = sorted(self._loads.items())
            samples = [({"model": name}, list(one.buckets), one.seconds) for name, one in loads]
            results: list[Sample] = [
                ({"model": name, "result": result}, count)
                for name, one in loads
                for result, count in (("failed", one.failed), ("loaded", sum(one.buckets)))
            ]
        return [
            own_counter("lightship_loads_total", "Attempts to load a version.", results),
            own_histogram("lightship_load_seconds", "The time that loads took which succeeded.", _LIMITS, samples),
        ]

    def present_families(self, models: ServedModels) -> list[Family]:
        """Returns what is so now: the states of the models, of their versions and of the workers, if there are any."""
        names, not_ready = models.models(), models.not_ready()
        versions = [(name, one) for name in names for one in models.versions(name)]
        with self._lock:
            sizes = dict(self._bytes)
        ready: list[Sample] = [({"model": name}, int(name not in not_ready)) for name in names]
        states: list[Sample] = [
            ({"model": name, "version": str(one.version), "state": _state(one)}, 1) for name, one in versions
        ]
        loaded: list[Sample] = [
            ({"model": name, "version": str(one.version)}, size)
            for name, one in versions
            if one.state in (State.AVAILABLE, State.UNLOADING) and (size := sizes.get((name, one.version))) is not None
        ]
        return [
            own_gauge("lightship_model_ready", "Whether a version of the model answers.", ready),
            own_gauge("lightship_model_version_state", "1 for each version, with its state.", states),
            own_gauge("lightship_model_version_bytes", "The files that a loaded version was made of.", loaded),
            *_worker_families(models),
        ]

    def _of(self, model: str) -> _Loads:
        one = self._loads.get(model)
        if one is None:
            _make_room(self._loads)
            one = self._loads[model] = _Loads()
        return one


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= _MAX_KEPT:
        del kept[next(iter(kept))]


def _state(status: ModelVersionStatus) -> str:
    """Returns the name of a version's state; FAILED if it ended with an error although it should be loaded now."""
    return "FAILED" if status.state is State.END and status.aspired and _is_failure(status.error) else status.state.name


def _is_failure(error: LightshipError | None) -> bool:
    """Returns whether a version ended with an error of its own. A load that was cancelled says nothing about it."""
    return error is not None and error.code is not Code.CANCELLED


def _worker_families(models: ServedModels) -> Iterator[Family]:
    """Yields metrics that have no samples if this process alone serves."""
    workers = models.workers()
    states: list[Sample] = [
        ({"state": state}, sum(one.state == state for one in workers)) for state in _WORKER_STATES if workers
    ]
    yield own_gauge("lightship_workers", "Processes that serve together, by their state.", states)
    restarts: list[Sample] = [({}, sum(one.restarts for one in workers))] if workers else []
    yield own_counter("lightship_worker_restarts_total", "Workers that were started again.", restarts)


def _files_bytes(path: Path) -> int | None:
    """Returns the bytes of a version's files, without what is in `assets.extra`, such as files of other engines.

    Returns None if they cannot be looked at any more.
    """
    try:
        files = (one for one in walk(path) if one.is_file and not one.name.startswith(f"{EXTRAS}/"))
        return sum({one.identity: one.status.st_size for one in files}.values())
    except (LightshipError, OSError):
        return None
