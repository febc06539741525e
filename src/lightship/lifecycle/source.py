"""Watches model folders and tells the manager which versions should be there."""

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
    """explanation: why there is no version; None while there is one. said: the warnings of the last poll."""

    config: ModelConfig
    explanation: str | None = None
    said: frozenset[str] = frozenset()


class _Found(NamedTuple):
    """versions: what should be there; None if the folder could not be looked into."""

    versions: dict[int, Path] | None
    explanation: str | None
    warnings: list[str]


class FileSystemSource:
    """Polls the folders of the models it was given; each model's policy says which of the versions are aspired.

    A folder that is missing or cannot be read holds up its own model alone, and what is loaded of it stays. One that
    is there and has no version that the policy wants lets go of what is loaded.
    """

    def __init__(self, manager: Manager, poll_seconds: float = 1.0) -> None:
        """poll_seconds: between polls; 0 for one poll, when a model is given, and a negative number for none."""
        self._manager = manager
        self._poll_seconds = poll_seconds
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, models: Sequence[ModelConfig]) -> None:
        """Says which models there should be, all of them: others are let go, without waiting for it.

        Looks at once into the folders of models that are new, or whose path or policy is. The polling starts with the
        first.
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
        """Looks into every folder now."""
        with self._lock:
            names = list(self._watched)
        for name in names:
            self._poll_model(name)

    def explanations(self) -> dict[str, str]:
        """Of the models without a version: what is there instead, and what mends it."""
        with self._lock:
            return {name: one.explanation for name, one in self._watched.items() if one.explanation is not None}

    def close(self) -> None:
        """Ends the polling; what is loaded stays."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _poll(self) -> None:
        while not self._closed.wait(self._poll_seconds):
            try:
                self.poll_once()
            except Exception:  # one bad poll must not end them all
                logger.exception("polling failed")

    def _poll_model(self, name: str) -> None:
        watched = self._watched.get(name)
        if watched is None:
            return
        found = _look(watched.config)
        with self._lock:
            if self._watched.get(name) is watched:  # else a reload came in between
                self._tell(watched, found)

    def _tell(self, watched: _Watched, found: _Found) -> None:
        name, watched.explanation = watched.config.name, found.explanation
        for warning in found.warnings:
            if warning not in watched.said:
                logger.warning("%s", warning, extra={"model": name})
        watched.said = frozenset(found.warnings)
        if found.versions is None:
            self._manager.expect(name, found.explanation or "")
        else:
            self._manager.aspire(name, found.versions, found.explanation or "")


def _kept(known: _Watched | None, config: ModelConfig) -> _Watched:
    """What is known of a model, if it still is in the same place and has the same policy."""
    if known is None or (known.config.path, known.config.policy) != (config.path, config.policy):
        return _Watched(config)
    return known


def _look(config: ModelConfig) -> _Found:
    try:
        versions, remarks = find_aspired(config)
    except LightshipError as error:
        explanation = explain_model_folder(config.path) or error.message
        return _Found(None, explanation, [f"{_unreadable(config, error)} ({explanation})"])
    if versions:
        return _Found(versions, None, remarks)
    explanation = explain_model_folder(config.path) or "; ".join(remarks) or "no version was found yet"
    none_there = (
        f"No versions of servable {config.name} found under base path {config.path}. Did you forget to name your leaf "
        f"directory as a number (eg. '/1/')? ({explanation})"
    )
    return _Found(versions, explanation, [*remarks, none_there])


def _unreadable(config: ModelConfig, error: LightshipError) -> str:
    reason = error.message if os.path.exists(config.path) else f"{config.path}; No such file or directory"
    return f"Could not find base path {config.path} for servable {config.name} with error {error.code.name}: {reason}"
