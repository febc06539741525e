"""Watches the folders of models and tells the manager which versions should be loaded."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lightship.errors import LightshipError
from lightship.lifecycle.aspired import find_aspired
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig
from lightship.saved_model.versions import explain_model_folder

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    """A model whose folder is polled, and the result of the last poll."""

    config: ModelConfig
    # Why there is no version; None if there is one.
    explanation: str | None = None
    # The warnings of the last poll.
    logged: frozenset[str] = frozenset()


class _Found(NamedTuple):
    """The result of one poll of a folder."""

    # The versions that should be loaded; None if the folder could not be read.
    versions: dict[int, Path] | None
    explanation: str | None
    warnings: list[str]


class FileSystemSource:
    """Polls the folders of models. Each model's version policy selects the aspired versions.

    If a folder is missing or cannot be read, the loaded versions of that model stay loaded and other models are not
    affected. If a folder can be read but has no version that the policy selects, its loaded versions are unloaded.
    """

    def __init__(self, manager: Manager, poll_seconds: float = 1.0) -> None:
        """poll_seconds: the time between polls. 0 polls a model only once, when it is added; a negative one never."""
        self._manager = manager
        self._poll_seconds = poll_seconds
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, models: Sequence[ModelConfig]) -> None:
        """Replaces the list of watched models. Models that are no longer in it are removed, without waiting for that.

        Polls at once the folders of models that are new or whose path or policy changed. The first call starts the
        polling thread.
        """
        with self._lock:
            before = self._watched
            self._watched = {config.name: _kept(before.get(config.name), config) for config in models}
            fresh = [name for name, watched in self._watched.items() if watched is not before.get(name)]
            for name in before.keys() - self._watched.keys():
                self._manager.forget(name)
            for name in fresh:
                self._manager.expect(name)
        if self._poll_seconds >= 0:
            for name in fresh:
                self._poll_model(name)
        if self._poll_seconds > 0 and self._thread is None:
            self._thread = threading.Thread(target=self._poll, name="lightship-source", daemon=True)
            self._thread.start()

    def poll_once(self) -> None:
        """Polls every folder now."""
        with self._lock:
            names = list(self._watched)
        for name in names:
            self._poll_model(name)

    def explanations(self) -> dict[str, str]:
        """Returns for each model without a version what its folder contains instead, and what to do."""
        with self._lock:
            return {name: one.explanation for name, one in self._watched.items() if one.explanation is not None}

    def close(self, timeout: float | None = None) -> None:
        """Ends the polling and waits at most `timeout` seconds for the last poll. Loaded versions stay loaded."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _poll(self) -> None:
        while not self._closed.wait(self._poll_seconds):
            try:
                self.poll_once()
            except Exception:  # one failed poll must not end the polling
                logger.exception("polling the models' folders failed")

    def _poll_model(self, name: str) -> None:
        watched = self._watched.get(name)
        if watched is None:
            return
        found = _look(watched.config)
        with self._lock:
            if self._watched.get(name) is watched:  # otherwise a reload replaced it in the meantime
                self._report(watched, found)

    def _report(self, watched: _Watched, found: _Found) -> None:
        name, watched.explanation = watched.config.name, found.explanation
        for warning in found.warnings:
            if warning not in watched.logged:
                logger.warning("%s", warning, extra={"model": name})
        watched.logged = frozenset(found.warnings)
        if found.versions is None:
            self._manager.expect(name, found.explanation or "")
        else:
            self._manager.aspire(name, found.versions, found.explanation or "")


def _kept(known: _Watched | None, config: ModelConfig) -> _Watched:
    """Returns the known entry of a model if its path and policy are unchanged, and otherwise a new one."""
    if known is None or (known.config.path, known.config.policy) != (config.path, config.policy):
        return _Watched(config)
    return known


def _look(config: ModelConfig) -> _Found:
    try:
        versions, warnings = find_aspired(config)
    except LightshipError as error:
        explanation = explain_model_folder(config.path) or error.message
        return _Found(None, explanation, [f"{_unreadable(config, error)} ({explanation})"])
    if versions:
        return _Found(versions, None, warnings)
    explanation = explain_model_folder(config.path) or "; ".join(warnings) or "no version was found yet"
    none_there = (
        f"No versions of servable {config.name} found under base path {config.path}. Did you forget to name your leaf "
        f"directory as a number (eg. '/1/')? ({explanation})"
    )
    return _Found(versions, explanation, [*warnings, none_there])


def _unreadable(config: ModelConfig, error: LightshipError) -> str:
    reason = error.message if os.path.exists(config.path) else f"{config.path}; No such file or directory"
    return f"Could not find base path {config.path} for servable {config.name} with error {error.code.name}: {reason}"
