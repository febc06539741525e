"""Has a helper process measure, in the background, what runs of a signature cost on this machine."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightship.engines.base import EngineOptions, Figures, Joining
from lightship.engines.cache_keys import cache_key
from lightship.engines.openvino.description import Description
from lightship.engines.openvino.streams import least_calls
from lightship.engines.trial import TrialFailed, measuring_trials_for
from lightship.errors import LightshipError
from lightship.processors import available_cpus, engine_threads
from lightship.saved_model.signatures import Signature
from lightship.threads import start_thread, start_timer

logger = logging.getLogger(__name__)

# Seconds after the first call. The calls in this time have all processors to themselves, and a process that ends sooner
# starts no helper in vain.
START_SECONDS = 2.0
# A machine that is too busy to measure is tried again after so many seconds.
RETRY_SECONDS = (30.0, 120.0, 600.0)


class Measured:
    """What runs of a signature cost. It is measured once for all versions with the same files, and kept in the cache.

    `digest` returns the digest of the version's files.
    """

    def __init__(
        self,
        folder: Path,
        signature: Signature,
        options: EngineOptions,
        description: Description,
        digest: Callable[[], str],
    ) -> None:
        self._request = _request_for(folder, signature, options, description)
        figures = options.figures
        self._given = figures if figures is not None and figures.signature == signature.name else None
        self._digest = digest
        self._options = options
        self._trials = measuring_trials_for(options)
        self._lock = threading.Lock()
        self._started, self._closing = False, threading.Event()
        self._due = 0.0  # when to ask a helper at the earliest, by `time.monotonic`
        self._key = ""
        self._timer: threading.Timer | None = None
        self._retries = iter(RETRY_SECONDS)
        self.joining = Joining({})
        # Is called each time it was measured: by how many streams to run when calls wait, and from how many calls on.
        self.when_streams: Callable[[int, int], None] = _ignore
        # Is called each time with the largest number of rows to run on one thread, 0 for none. Returns the number that
        # are run there.
        self.when_one_thread: Callable[[int], int] = _none

    def start(self) -> None:
        """Starts measuring, unless it has been started. Does not wait."""
        if self._started:
            return
        with self._lock:
            if self._started or self._closing.is_set():
                return
            self._started, self._due = True, time.monotonic() + START_SECONDS
        if self._given is not None:
            self._use_given(self._given)
        elif not _BACKGROUND.submit(self._measure):
            self._started = False  # the next call tries again

    def close(self) -> None:
        """Stops measuring."""
        with self._lock:
            self._closing.set()
            self.when_streams, self.when_one_thread = _ignore, _none  # they refer to the models
            key, timer, trials = self._key, self._timer, self._trials
        if timer is not None:
            timer.cancel()
        if key:
            trials.cancel(key)

    def _measure(self) -> None:
        try:
            self._prepare()
        except (LightshipError, TrialFailed) as failed:
            if not self._closing.is_set():
                folder = self._request["folder"]
                logger.info("what a run of %s takes was not measured: %s", folder, failed, extra={"folder": folder})
                self._retry()

    def _prepare(self) -> None:
        key = cache_key({**self._request, "folder": self._digest(), "measures": "costs"})
        with self._lock:
            if self._closing.is_set():
                return
            self._key, trials = key, self._trials
        if not trials.keeps(key) and self._closing.wait(max(0.0, self._due - time.monotonic())):
            return
        info = trials.prepare(self._request, key).info
        self._use(info)
        if info["disturbed"]:
            trials.forget(key)
            self._retry()

    def _use(self, info: Mapping[str, Any]) -> None:
        rows = self.when_one_thread(int(info["one_thread"]))
        costs = combined_costs(_costs(info["costs"]), _costs(info["costs_on_one_thread"]), rows)
        self._apply(costs, int(info["streams"]), _costs(info["costs_of_streams"]))
        if rows:
            folder = self._request["folder"]
            logger.info("%s: runs of up to %d rows use one thread", folder, rows, extra={"folder": folder})

    def _use_given(self, figures: Figures) -> None:
        self._apply(dict(figures.costs), figures.streams, dict(figures.costs_of_streams))

    def _apply(self, costs: Mapping[int, float], streams: int, costs_of_streams: Mapping[int, float]) -> None:
        fields = {"folder": self._request["folder"]}
        if streams == 1:
            self.joining = Joining(costs)
            logger.info("measured %s: %s", self._request["folder"], _listed(costs), extra=fields)
            self.when_streams(1, 1)
            return
        self.joining = Joining(costs_of_streams, streams)
        logger.info("%s: calls that wait are run by %d streams", self._request["folder"], streams, extra=fields)
        self.when_streams(streams, least_calls(costs, streams, costs_of_streams))

    def _retry(self) -> None:
        seconds = next(self._retries, None)
        with self._lock:
            if seconds is None or self._closing.is_set():
                return
            self._timer = start_timer(seconds, self._measure_again)

    def _measure_again(self) -> None:
        with self._lock:
            self._trials = measuring_trials_for(self._options, again=True)
        if not _BACKGROUND.submit(self._measure):
            self._retry()


def _listed(costs: Mapping[int, float]) -> str:
    """Returns what runs take, as in `1 row takes 2.10 ms, 8 rows take 12 ms`."""
    return ", ".join(
        f"{rows} {'row takes' if rows == 1 else 'rows take'} {_milliseconds(cost)} ms" for rows, cost in costs.items()
    )


def _milliseconds(seconds: float) -> str:
    milliseconds = 1000 * seconds
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def _ignore(streams: int, least: int) -> None: ...


def _none(rows: int) -> int:
    return 0


def combined_costs(costs: Mapping[int, float], on_one_thread: Mapping[int, float], most: int) -> Mapping[int, float]:
    """Returns the costs if up to `most` rows are run on one thread, and more on all."""
    few = {rows: seconds for rows, seconds in on_one_thread.items() if rows <= most}
    return few | {rows: seconds for rows, seconds in costs.items() if rows > most}


def _costs(pairs: Sequence[tuple[int, float]]) -> Mapping[int, float]:
    return {int(rows): float(seconds) for rows, seconds in pairs}


def _request_for(
    folder: Path, signature: Signature, options: EngineOptions, description: Description
) -> dict[str, Any]:
    """Returns the JSON object that is passed to `measuring.work`.

    Only rows that are independent are measured in larger numbers than one. Runs on one thread are measured only where
    the number of rows says what a run costs.
    """
    own_threads = bool(options.threads or options.streams)
    return {
        "folder": str(folder),
        "signature": signature.name,
        "tags": list(signature.tags),
        "threads": options.threads or engine_threads(),
        "processors": available_cpus(),
        "precision": options.precision,
        "allow_unproven": sorted(options.allow_unproven),
        "streams": options.streams,
        "one_thread": description.rows_free and not own_threads and available_cpus() > 1,
        "models": sorted(description.guards),
        "joinable": description.joinable,
    }


class _Background:
    """Does one job after another in a thread, which ends when there are no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._running = False

    def submit(self, job: Callable[[], None]) -> bool:
        """Adds a job. Returns False, and forgets it, if the system allows no further thread now."""
        with self._lock:
            if not self._running:
                self._running = start_thread(self._run, name="lightship-measuring")
            if self._running:
                self._jobs.append(job)
            return self._running

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._running = False
                    return
                job = self._jobs.popleft()
            try:
                job()
            except Exception:  # a job's failure must not end the others
                logger.exception("measuring failed")


_BACKGROUND = _Background()
