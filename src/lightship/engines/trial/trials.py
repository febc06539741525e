"""Runs requests in helper processes and caches the results, so that a later start can reuse them."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lightship.engines.cache import CompiledCache, Entry
from lightship.engines.trial.pool import HELPERS, Helpers
from lightship.engines.trial.process import HelperEnded, HelperProcess
from lightship.engines.trial.shortage import names_shortage
from lightship.engines.trial.work import WORK, Work
from lightship.errors import Code, LightshipError, error_of
from lightship.priority import at_low_priority

logger = logging.getLogger(__name__)

# A process that died of one of these signals would die of it again.
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, getattr(signal, "SIGBUS", None), signal.SIGILL}
# None on Windows, where no signal ends a process.
_SIGKILL = getattr(signal, "SIGKILL", None)

_RETRY_SECONDS = 30.0


class TrialFailed(Exception):
    """A helper process ended, was stopped, or could not handle the request; `reason` says which.

    `passing`: the system lacked something then, so that the same request may succeed later.
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.passing = reason, passing


def retry_time(error: BaseException | None) -> float:
    """Returns when to try again what failed with an error, by `time.monotonic`; infinity if it would fail again.

    It is worth trying if the error follows from a `TrialFailed` that is `passing`, or names a shortage itself.
    """
    while error is not None and not _passing(error):
        error = error.__cause__ or error.__context__
    return math.inf if error is None else time.monotonic() + _RETRY_SECONDS


def _passing(error: BaseException) -> bool:
    return error.passing if isinstance(error, TrialFailed) else names_shortage(str(error))


class _Running(NamedTuple):
    """A request that is being handled, and what comes of it."""

    request: Mapping[str, Any]
    result: Future[Entry]


class Trials:
    """Runs requests in helper processes and caches their results.

    `seconds` and `memory` (bytes) limit what a helper may use for one request. `alone`: while a helper works, none of
    another process with the same cache does, and what that has found meanwhile is used.
    """

    def __init__(
        self,
        cache: CompiledCache,
        *,
        seconds: float,
        memory: int,
        work: Work = WORK,
        helpers: Helpers = HELPERS,
        alone: bool = False,
    ) -> None:
        self._cache, self._seconds, self._memory = cache, seconds, memory
        self._work, self._helpers, self._alone = work, helpers, alone
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._busy: dict[HelperProcess, str] = {}  # each with the key of its request
        self._cancelled: set[str] = set()
        self._closed = False

    def prepare(self, request: Mapping[str, Any], key: str, check: Callable[[], None] = lambda: None) -> Entry:
        """Returns the cached result of this key. If there is none, a helper process handles the request.

        check: is called when the helper has answered or crashed. If it raises, nothing is cached: the files that the
            helper read were not those that the key stands for, or were removed.

        Raises TrialFailed if the helper ended or exceeded a limit, and the errors of `check` and of the work itself.
        """
        while True:
            with self._lock:
                running = self._running.get(key)
                if running is None:
                    own = self._running[key] = _Running(request, Future())
                    break
            try:  # concurrent requests with the same key share one result
                return running.result.result()
            except LightshipError:
                if running.request == request:
                    raise  # otherwise the error is about the files of another folder
        try:
            own.result.set_result(self._kept_or_made(dict(request), key, check))
        except BaseException as error:
            own.result.set_exception(error)
        finally:
            with self._lock:
                del self._running[key]
                self._cancelled.discard(key)
        return own.result.result()

    def keeps(self, key: str) -> bool:
        """Whether the result of this key is in the cache."""
        return self._cache.get(key) is not None

    def cancel(self, key: str) -> None:
        """Stops the request of this key if it is running. Its callers get TrialFailed."""
        with self._lock:
            if key in self._running:
                self._cancelled.add(key)
            busy = [helper for helper, running in self._busy.items() if running == key]
        for helper in busy:
            helper.stop()

    def forget(self, key: str) -> None:
        """Removes the cached result of this key, because it is damaged."""
        self._cache.forget(key)

    def close(self) -> None:
        """Stops the running requests. Their callers get TrialFailed."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        for helper in busy:
            helper.stop()

    def _kept_or_made(self, request: dict[str, Any], key: str, check: Callable[[], None]) -> Entry:
        entry = self._cache.get(key)
        if entry is None and self._alone:
            with self._cache.alone(lambda: self._stopped(key)):
                entry = self._cache.get(key) or self._made(request, key, check)
        elif entry is None:
            entry = self._made(request, key, check)
        if "crashed" in entry.info:
            raise TrialFailed(str(entry.info["crashed"]))
        return entry

    def _made(self, request: dict[str, Any], key: str, check: Callable[[], None]) -> Entry:
        with self._cache.workplace() as out:
            try:
                answer = self._asked(request, key, out)
            except OSError as error:
                raise TrialFailed(
                    f"the helper process that compiles the model cannot be started or reached: {error}", passing=True
                ) from error
            except HelperEnded as ended:
                check()
                short = names_shortage(ended.reason)
                if ended.signal not in _CRASHES or not ended.fresh or short:
                    killed = bool(ended.signal) and ended.signal == _SIGKILL
                    raise TrialFailed(ended.reason, passing=short or killed) from ended
                logger.warning(
                    "%s; the compilation is not tried again", ended.reason, extra={"folder": request.get("folder")}
                )
                _empty(out)
                return self._cache.put(key, {"crashed": ended.reason}, out)
            check()
            if "failed" in answer:
                raise TrialFailed(str(answer["failed"]))
            if "error" in answer:
                raise error_of(Code(answer["error"]["code"]), answer["error"]["text"])
            info = answer["info"]
            if names_shortage(str(info.get("cannot_run", ""))):  # it may be able to, at the next try
                reason = f"{info['cannot_run']} (the system had too few threads or files, or too little memory)"
                raise TrialFailed(reason, passing=True)
            put = partial(self._cache.put, key, info, out)  # reads all that the helper has written
            return at_low_priority(put) if self._work.beside_requests else put()

    def _asked(self, request: dict[str, Any], key: str, out: Path) -> dict[str, Any]:
        """Asks a helper and returns its answer. If the helper ends, a fresh helper may be asked once more.

        This happens if an earlier request may have harmed the first helper, or if it was killed with SIGKILL, as the
        system does when memory is short.
        """
        try:
            return self._ask(request, key, out)
        except HelperEnded as ended:
            if ended.slow or self._stopped(key) or (ended.fresh and ended.signal != _SIGKILL):
                raise
            _empty(out)
            return self._ask(request, key, out, fresh=True)

    def _stopped(self, key: str) -> bool:
        return self._closed or key in self._cancelled

    def _ask(self, request: dict[str, Any], key: str, out: Path, *, fresh: bool = False) -> dict[str, Any]:
        with self._helpers.helper(self._work, fresh=fresh) as helper:
            with self._lock:
                if self._stopped(key):
                    raise HelperEnded("the server is stopping")
                self._busy[helper] = key
            try:
                return helper.ask(request, out, self._seconds, self._memory)
            finally:
                with self._lock:
                    self._busy.pop(helper, None)


def _empty(folder: Path) -> None:
    """Removes the files of a folder if the folder exists."""
    for file in folder.iterdir() if folder.is_dir() else ():
        file.unlink(missing_ok=True)
