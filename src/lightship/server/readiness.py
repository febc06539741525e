"""Waits until every model of a server answers, and says why a model does not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from lightship.errors import DeadlineExceeded, FailedPrecondition, LightshipError
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.source import FileSystemSource
from lightship.saved_model.versions import explain_model_folder, explain_version_folder, list_versions

_LOOK = 0.1  # seconds between two looks at what the manager does not know


class Readiness:
    """Why the models of a server do not answer.

    folders: of the models, by their names. failure: returns why the server as a whole cannot serve, or None if it can.
    """

    def __init__(
        self,
        manager: Manager,
        source: FileSystemSource,
        folders: Mapping[str, Path],
        failure: Callable[[], str | None],
    ) -> None:
        self._manager, self._source = manager, source
        self._folders, self._failure = folders, failure
        self._failed: dict[str, str] = {}

    def require(self, timeout: float | None) -> None:
        """Waits until every model answers.

        Raises FailedPrecondition when each model that does not answer has failed or has no version in its folder, or
        if the server as a whole cannot serve; DeadlineExceeded after `timeout` seconds; None means no limit.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self._manager.wait(self._decided, max(0.0, min(_LOOK, end - time.monotonic()))):
            failure = self._failure()
            if failure is not None:
                raise FailedPrecondition(failure)
            self._note_empty_folders()
            if time.monotonic() >= end and not self._manager.wait(self._decided, 0):
                raise DeadlineExceeded(self._late(timeout or 0.0))
        if self._failed:
            reasons = {name: self._explained(name, reason) for name, reason in self._failed.items()}
            raise FailedPrecondition(_reasons(reasons, self._manager.models(), "cannot be served"))

    def _decided(self, manager: Manager) -> bool:
        """Returns whether each model answers or has failed. Is called with the manager's lock."""
        waiting = manager.not_ready()
        for name, reason in waiting.items():
            status = manager.settled_status(name)
            if status is not None and status.error is not None:
                self._failed[name] = reason
        for name in self._failed.keys() - waiting.keys():  # it was tried again, and answers now
            del self._failed[name]
        return self._failed.keys() == waiting.keys()

    def _note_empty_folders(self) -> None:
        for name, explanation in self._source.explanations().items():
            folder = self._folders.get(name)
            if name not in self._failed and not self._manager.versions(name):
                self._failed[name] = (folder and explain_model_folder(folder)) or explanation

    def _explained(self, name: str, reason: str) -> str:
        """Returns why a model failed; if its version has no SavedModel, also what it has and what to do."""
        folder, status = self._folders.get(name), self._manager.settled_status(name)
        if folder is None or status is None:
            return reason
        with suppress(LightshipError):  # the folder has gone
            path = list_versions(folder).get(status.version)
            explanation = path and explain_version_folder(path)
            return f"{reason}; {explanation}" if explanation else reason
        return reason

    def _late(self, timeout: float) -> str:
        text = _reasons(self._manager.not_ready(), self._manager.models(), f"did not answer within {timeout:g} seconds")
        return f"{text}; give more seconds with timeout=, or None for no limit"


def _reasons(reasons: Mapping[str, str], models: Collection[str], what: str) -> str:
    """Returns a line for one model, and a line for each if there are several."""
    if len(reasons) == 1:
        ((name, reason),) = reasons.items()
        return f"{name} {what}: {reason}"
    lines = "".join(f"\n  {name}: {reason}" for name, reason in reasons.items())
    return f"{len(reasons)} of {len(models)} models {what}:{lines}"
