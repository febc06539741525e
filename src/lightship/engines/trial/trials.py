"""What a helper process made of a request, now or at an earlier start."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightship.engines.cache import CompiledCache, Entry
from lightship.engines.trial.pool import HELPERS, Helpers
from lightship.engines.trial.process import Ended, HelperProcess
from lightship.errors import Code, error_of

logger = logging.getLogger(__name__)

WORK = "lightship.engines.openvino.trying:work"
# A process that died of one of these would do so again.
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGBUS, signal.SIGILL}


class TrialFailed(Exception):
    """A helper process ended, was ended, or could not do its work; `reason` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Trials:
    """Requests to helper processes, whose results are kept.

    seconds, memory: what a helper may take for one request; bytes. work: the function that does it, as module:function.
    """

    def __init__(
        self,
        cache: CompiledCache,
        *,
        seconds: float,
        memory: int,
        work: str = WORK,
        helpers: Helpers = HELPERS,
    ) -> None:
        self._cache, self._seconds, self._memory = cache, seconds, memory
        self._work, self._helpers = work, helpers
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}
        self._busy: set[HelperProcess] = set()
        self._closed = False

    def prepare(self, request: Mapping[str, Any], key: str) -> Entry:
        """What is kept under this key, else what a helper process makes of the request.

        Raises TrialFailed where the helper ended or exceeded a limit, and the errors that the work itself raised.
        """
        with self._only_one(key):
            entry = self._cache.get(key)
            if entry is None:
                entry = self._made(dict(request), key)
        if "crashed" in entry.info:
            raise TrialFailed(str(entry.info["crashed"]))
        return entry

    def forget(self, key: str) -> None:
        """What is kept under this key turned out to be damaged."""
        self._cache.forget(key)

    def close(self) -> None:
        """Ends what runs; whoever waits for it gets TrialFailed."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        for helper in busy:
            helper.stop()

    def _made(self, request: dict[str, Any], key: str) -> Entry:
        with self._cache.workplace() as out:
            try:
                answer = self._asked(request, out)
            except Ended as ended:
                if ended.signal not in _CRASHES:
                    raise TrialFailed(ended.reason) from ended
                logger.warning("%s; it is not tried again", ended.reason, extra={"folder": request.get("folder")})
                for file in out.iterdir():
                    file.unlink()
                return self._cache.put(key, {"crashed": ended.reason}, out)
            if "failed" in answer:
                raise TrialFailed(str(answer["failed"]))
            if "error" in answer:
                raise error_of(Code(answer["error"]["code"]), answer["error"]["text"])
            return self._cache.put(key, answer["info"], out)

    def _asked(self, request: dict[str, Any], out: Path) -> dict[str, Any]:
        """The answer of a helper; one that somebody killed gets a second chance."""
        try:
            return self._ask(request, out)
        except Ended as ended:
            if ended.signal != signal.SIGKILL or self._closed:
                raise
            return self._ask(request, out)

    def _ask(self, request: dict[str, Any], out: Path) -> dict[str, Any]:
        with self._helpers.helper(self._work) as helper:
            with self._lock:
                if self._closed:
                    raise Ended("the server is stopping")
                self._busy.add(helper)
            try:
                return helper.ask(request, out, self._seconds, self._memory)
            finally:
                with self._lock:
                    self._busy.discard(helper)

    def _only_one(self, key: str) -> _KeyLock:
        return _KeyLock(self._lock, self._locks, key)


class _KeyLock:
    """A lock for one key, which is there only while somebody wants it."""

    def __init__(self, lock: threading.Lock, locks: dict[str, tuple[threading.Lock, int]], key: str) -> None:
        self._lock, self._locks, self._key = lock, locks, key

    def __enter__(self) -> None:
        with self._lock:
            own, users = self._locks.get(self._key, (threading.Lock(), 0))
            self._locks[self._key] = own, users + 1
        own.acquire()

    def __exit__(self, *error: object) -> None:
        with self._lock:
            own, users = self._locks.pop(self._key)
            if users > 1:
                self._locks[self._key] = own, users - 1
        own.release()
