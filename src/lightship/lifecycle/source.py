"""Watches the folders of models and tells the manager which versions should be loaded."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.settling import Settling, default_settle_seconds
from lightship.lifecycle.state import State
from lightship.lifecycle.stored import StoredModels
from lightship.lifecycle.version_files import FilesSeen
from lightship.lifecycle.watched import Found, Watched, look_for_versions
from lightship.repeated import RepeatedFailure, exception_text
from lightship.threads import start_thread

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0
# A poll that takes so long may hang.
_SLOW_SECONDS = 5.0
# The pause after an unexpected error.
_ERROR_SECONDS = 1.0


class FileSystemSource:
    """Polls the folders of models. Each model's version policy selects the aspired versions.

    A version whose files are still being written is not loaded until they are complete. If a folder is missing or
    cannot be read, the loaded versions of that model stay loaded and other models are not affected. If a folder can be
    read but has no version that the policy selects, its loaded versions are unloaded.
    """

    def __init__(
        self,
        manager: Manager,
        poll_seconds: float = 1.0,
        *,
        settle_seconds: float | None = None,
        empty_folder_grace: float = 0.0,
        stored: StoredModels | None = None,
    ) -> None:
        """poll_seconds: the time between polls. 0 polls a model only once, when it is added; a negative one never.
        settle_seconds: how old the files of a version must be, see `Settling`; None for the default.
        empty_folder_grace: the seconds for which versions stay loaded after the last one has gone from their folder.
        stored: follows the models that are in object stores; None if there can be none.
        """
        self._manager = manager
        self._poll_seconds, self._grace = poll_seconds, empty_folder_grace
        self._settle_seconds = default_settle_seconds() if settle_seconds is None else settle_seconds
        self._stored = stored
        if stored is not None:
            stored.on_change(self._look_at_store)
        self._watched: dict[str, Watched] = {}
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closed = False
        self._next_poll: float | None = None  # of all folders, by the monotonic clock
        self._thread: threading.Thread | None = None

    def watch(self, models: Sequence[ModelConfig]) -> None:
        """Replaces the list of watched models. Models that are no longer in it are removed, without waiting for that.

        Polls at once the folders of models that are new or whose path or policy changed. The first call starts the
        polling thread.
        """
        with self._lock:
            before = self._watched
            self._watched = {config.name: self._kept(before.get(config.name), config) for config in models}
            fresh = [name for name, watched in self._watched.items() if watched is not before.get(name)]
            for name in before.keys() - self._watched.keys():
                self._manager.forget(name)
            for name in fresh:
                self._manager.expect(name)
        self._follow(before.keys() - self._watched.keys(), fresh)
        if self._poll_seconds < 0:
            return
        self._for_each(fresh, self._poll_model)
        with self._lock:
            self._changed.notify_all()
            if self._thread is None and not self._closed:
                self._next_poll = time.monotonic() + self._poll_seconds if self._poll_seconds > 0 else None
                thread = threading.Thread(target=self._poll, name="lightship-source", daemon=True)
                thread.start()
                self._thread = thread

    def change(self, poll_seconds: float, empty_folder_grace: float) -> None:
        """Changes the time between polls, and the seconds for which versions stay loaded after they have gone.

        The first poll at the new interval comes as soon as it would if the last one had been now.
        """
        with self._lock:
            if poll_seconds != self._poll_seconds:
                self._next_poll = time.monotonic() + poll_seconds if poll_seconds > 0 else None
            self._poll_seconds, self._grace = poll_seconds, empty_folder_grace
            self._changed.notify_all()

    def _follow(self, gone: Collection[str], fresh: Collection[str]) -> None:
        """Follows new models in object stores, and those that have gone no longer."""
        if self._stored is None or self._poll_seconds < 0:
            return
        for name in gone:
            self._stored.leave(name)
        for name in fresh:
            self._stored.follow(self._watched[name].config)

    def _look_at_store(self, name: str) -> None:
        with self._lock:
            watched = None if self._closed else self._watched.get(name)
        if watched is not None and watched.config.store is not None:
            self._poll_one(watched, self._poll_model)

    def poll_once(self) -> None:
        """Polls every folder now. Object stores are listed now too, without waiting for that."""
        if self._stored is not None and self._poll_seconds >= 0:
            self._stored.look_now()
        self._poll_all()

    def _poll_all(self) -> None:
        with self._lock:
            names = list(self._watched)
        self._for_each(names, self._poll_model)

    def explanations(self) -> dict[str, str]:
        """Returns for each model without a version why, and what to do. The texts name no entry of the folder."""
        with self._lock:
            return {name: one.explanation for name, one in self._watched.items() if one.explanation is not None}

    def empty(self) -> dict[str, str]:
        """Returns for each model whose folder or store has been read and has none of its versions, why and what to do.

        A store that has not answered is not known to be empty, and a version that is being copied from it is there.
        """
        with self._lock:
            return {name: one.explanation or "" for name, one in self._watched.items() if one.empty}

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Ends the polling and waits at most `timeout` seconds for the last poll. Loaded versions stay loaded.

        A poll that ends later changes nothing.
        """
        with self._lock:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)  # a network file system may hang

    def _kept(self, known: Watched | None, config: ModelConfig) -> Watched:
        """Returns the known entry of a model if its path and policy are unchanged, and otherwise a new one."""
        if known is not None and _same_folder(known, config):
            return known
        return Watched(config, Settling(self._settle_seconds))

    def _poll(self) -> None:
        """Polls at the interval, and between that looks again at files that were still being written."""
        failing = RepeatedFailure()
        while True:
            with self._lock:
                if self._wait():
                    return
                poll = self._next_poll is not None and self._next_poll <= time.monotonic()
                due = [name for name, one in self._watched.items() if one.due and one.due <= time.monotonic()]
            try:
                if poll:
                    self._poll_all()
                    self._poll_later()
                else:
                    self._for_each(due, self._look_again)
                failing.ended()
            except Exception as error:  # an error must not end the polling
                if failing.is_new(exception_text(error)):
                    logger.exception("looking at the models' folders failed")
                time.sleep(_ERROR_SECONDS)

    def _poll_later(self) -> None:
        with self._lock:
            self._next_poll = time.monotonic() + self._poll_seconds if self._poll_seconds > 0 else None

    def _wait(self) -> bool:
        """Waits until something is due, or may be earlier. Returns whether the source was closed."""
        times = [self._next_poll, *(watched.due for watched in self._watched.values())]
        due = min((time for time in times if time is not None), default=None)
        pause = None if due is None else max(0.0, due - time.monotonic())
        if not self._closed and pause != 0:
            self._changed.wait(pause)
        return self._closed

    def _for_each(self, names: Sequence[str], poll: Callable[[Watched], None]) -> None:
        """Polls models one after the other. If the file system of one hangs, another thread goes on with the others.

        If the system allows no further thread, this one polls them.
        """
        waiting = deque(names)
        while waiting:
            done = threading.Event()
            if start_thread(self._poll_some, waiting, poll, done, name="lightship-source-poll"):
                done.wait(_SLOW_SECONDS)
            else:
                self._poll_some(waiting, poll, done)

    def _poll_some(self, waiting: deque[str], poll: Callable[[Watched], None], done: threading.Event) -> None:
        with suppress(IndexError):  # when no more is waiting
            while True:
                name = waiting.popleft()
                watched = self._watched.get(name)
                if watched is not None:
                    self._poll_one(watched, poll)
        done.set()

    def _poll_one(self, watched: Watched, poll: Callable[[Watched], None]) -> None:
        # A model whose poll hangs is not polled by more and more threads.
        hangs = watched.began is not None and time.monotonic() - watched.began >= _SLOW_SECONDS
        if hangs or not watched.polling.acquire(timeout=_SLOW_SECONDS):
            return
        watched.began = time.monotonic()
        failing, fields = watched.failing[poll.__name__], {"model": watched.config.name}
        try:
            poll(watched)
            if failing.ended():
                logger.info("polling %s succeeds again", watched.config.place, extra=fields)
        except Exception as error:  # one failed poll must not end the polling
            if failing.is_new(exception_text(error)):
                logger.exception("polling %s failed", watched.config.place, extra=fields)
        finally:
            with self._lock:
                watched.began = None
                self._changed.notify_all()  # its files may be due
            watched.polling.release()

    def _poll_model(self, watched: Watched) -> None:
        config = watched.config
        grace = self._grace if self._answers(config.name) else 0.0
        if config.store is None or self._stored is None:
            found = watched.spared(look_for_versions(config), grace)
            self._report(watched, found, watched.look(found.versions) if found.versions is not None else {})
            return
        seen = self._stored.look(config)
        found = watched.spared(seen.found, grace)
        watched.notice = watched.notice or seen.notice
        watched.versions = found.versions or {}
        self._report(watched, found, seen.files)

    def _answers(self, name: str) -> bool:
        return any(status.state is State.AVAILABLE for status in self._manager.versions(name))

    def _look_again(self, watched: Watched) -> None:
        """Looks at the files of the versions that were found, not for others."""
        name, files = watched.config.name, watched.look(watched.versions)
        with self._lock:
            if not self._closed and self._watched.get(name) is watched and watched.versions:
                self._manager.aspire(name, watched.versions, files=files, notice=watched.notice)

    def _report(self, watched: Watched, found: Found, files: Mapping[int, FilesSeen]) -> None:
        name = watched.config.name
        with self._lock:
            if self._closed or self._watched.get(name) is not watched:  # a reload replaced it in the meantime
                return
            watched.explanation, watched.empty = found.explanation, found.versions == {}
            for warning in found.warnings:
                if warning not in watched.logged:
                    logger.warning("%s", warning, extra={"model": name})
            watched.logged = frozenset(found.warnings)
            if watched.unreadable and found.versions is not None:
                logger.info("%s can be read again", watched.config.place, extra={"model": name})
            watched.unreadable = found.versions is None and found.explanation is not None
            if found.versions is None:
                self._manager.expect(name, watched.notice)
            else:
                self._manager.aspire(name, found.versions, found.explanation or "", files=files, notice=watched.notice)


def _same_folder(known: Watched, config: ModelConfig) -> bool:
    return _place(known.config) == _place(config)


def _place(config: ModelConfig) -> tuple[object, ...]:
    return config.path, config.store, config.policy, config.root
