"""What answers calls, and the status of all models and versions: the part of a manager that requests use."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from lightship.errors import MissingModel, NotFound
from lightship.lifecycle.changes import Changes
from lightship.lifecycle.handle import Handle
from lightship.lifecycle.serving import ServingTable
from lightship.lifecycle.state import ModelVersionStatus


@dataclass(frozen=True, slots=True)
class ModelState:
    """The state of one model, with all that clients see of it."""

    name: str
    # Whether the model is configured; a removed one has only versions.
    wanted: bool
    # The statuses of all versions, highest first.
    versions: tuple[ModelVersionStatus, ...] = ()
    # Why no version is loaded; None if one is.
    reason: str | None = None
    # What an operator should know about its folder although versions are loaded; empty if nothing.
    notice: str = ""
    # Versions by their labels, loaded or not.
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The state of one of several processes that serve the same models."""

    # Its number, from 1.
    number: int
    # Its process, or 0 if there is none now.
    pid: int
    # STARTING while it loads what the others serve, SERVING, or ENDED until it is started again.
    state: str
    # How often it was started again.
    restarts: int


class ServedModels(ABC):
    """Gives out handles to the loaded versions, and tells the status of all. Any thread may call its methods."""

    def __init__(self) -> None:
        self._changed = Changes()
        self._serving = ServingTable()

    @abstractmethod
    def versions(self, name: str) -> list[ModelVersionStatus]:
        """Returns the statuses of all versions of a model, highest first; empty for an unknown model."""

    @abstractmethod
    def models(self) -> list[str]:
        """Returns the names of all models that were added and not removed, in the order in which they were added."""

    @abstractmethod
    def not_ready(self) -> dict[str, str]:
        """Returns the models without a loaded version, each with the reason."""

    @abstractmethod
    def labels(self, name: str) -> Mapping[str, int]:
        """Returns the versions of a model by their labels; empty for an unknown model."""

    @abstractmethod
    def notice(self, name: str) -> str:
        """Returns what an operator should know about a model's folder although versions are loaded; "" if nothing."""

    def workers(self) -> Sequence[WorkerState]:
        """Returns the states of the processes that serve these models; empty if this process alone does."""
        return ()

    def labelled(self, name: str, label: str) -> int:
        """Returns the version that a label names, loaded or not. Raises InvalidArgument for an unknown label."""
        return self._serving.labelled(name, label)

    def serves(self, name: str) -> bool:
        """Returns whether a model has a loaded version or a label. It takes no lock."""
        return self._serving.serves(name)

    def handle(self, name: str, version: int | None = None, label: str | None = None) -> Handle:
        """Returns a handle to a version, by default to the highest loaded one. The caller must release it.

        Raises, with TensorFlow Serving's messages, NotFound if the version is not loaded and InvalidArgument if the
        label is unknown.
        """
        return self._serving.handle(name, version, label)

    def status(self, name: str, version: int | None = None) -> list[ModelVersionStatus]:
        """Returns the statuses of all versions of a model, highest first, or of one. Raises NotFound for none."""
        statuses = [status for status in self.versions(name) if version is None or status.version == version]
        if not statuses:
            wanted = "any versions" if version is None else f"version {version}"
            error = NotFound(f"Could not find {wanted} of model {name}")
            raise error.about(MissingModel(name, version))
        return statuses

    def ready(self) -> bool:
        """Returns whether every model has a loaded version."""
        return not self.not_ready()

    def wait_ready(self, timeout: float | None) -> bool:
        """Waits at most `timeout` seconds until every model is ready. Returns whether they are."""
        return self.wait(lambda _: self.ready(), timeout)

    def wait(self, condition: Callable[[Self], bool], timeout: float | None) -> bool:
        """Waits until `condition`, which is called after every change, returns True. Returns its last result."""
        seconds = None if timeout is None else min(timeout, threading.TIMEOUT_MAX)
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), seconds)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after every change, on any thread. It must return at once and ask nothing of this object.

        Returns a function that ends this.
        """
        return self._changed.subscribe(listener)

    def wake(self) -> None:
        """Makes every `wait` call its condition again."""
        with self._changed:
            self._changed.notify_all()
