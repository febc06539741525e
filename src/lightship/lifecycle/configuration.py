"""The list of configured models, and how another list replaces it while the server runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from lightship.errors import Cancelled, DeadlineExceeded, FailedPrecondition, Unknown
from lightship.lifecycle.availability import failure_text, failures, wait_until_settled
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig, check_model_list
from lightship.lifecycle.source import FileSystemSource
from lightship.lifecycle.state import State

logger = logging.getLogger(__name__)

_Label = tuple[str, str, int]  # model, label, version


class Configuration:
    """Applies lists of models, one at a time.

    A label may name a version that is not loaded yet if the model itself is new. With `allow_labels_for_unavailable`,
    a new label of an existing model may do so too; with `labels_wait` any label may, see `apply`.
    """

    def __init__(
        self, manager: Manager, source: FileSystemSource, *, allow_labels_for_unavailable: bool = False
    ) -> None:
        self._manager, self._source = manager, source
        self._allow = allow_labels_for_unavailable
        self._lock = threading.Lock()
        self._models: dict[str, ModelConfig] = {}
        self._waiting: set[_Label] = set()
        self._closed = False

    @property
    def models(self) -> list[ModelConfig]:
        """The models that are configured now."""
        return list(self._models.values())

    def start(self, models: Sequence[ModelConfig]) -> None:
        """Applies the first list, which may contain relative paths."""
        with self._lock:
            self._replace(models)

    def apply(self, models: Sequence[ModelConfig], *, labels_wait: bool = False) -> list[str]:
        """Replaces the list of models and returns the names of the new ones, without waiting for them to be loaded.

        labels_wait: a label whose version is not AVAILABLE is no error: it waits for the version. Until then, a label
            that moves keeps its old version, as long as that one is loaded.

        Raises InvalidArgument for an invalid list, FailedPrecondition for a label whose version is not AVAILABLE, and
        Cancelled if the server is stopping. In these cases nothing changes.
        """
        check_model_list((model.name, model.place) for model in models)
        with self._lock:
            if self._closed:
                raise Cancelled("the server is stopping and does not accept a new configuration")
            for model in models:
                if model.name in self._models and not labels_wait:
                    self._check_labels(model)
            fresh = [model.name for model in models if model.name not in self._models]
            if list(models) != self.models:
                logger.info("configured: %s", ", ".join(model.name for model in models) or "no model")
            self._replace(models, labels_wait=labels_wait)
        return fresh

    def reload(
        self,
        models: Sequence[ModelConfig],
        timeout: float | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Applies a list as `apply` does, then waits until every new model has a version that is AVAILABLE or failed.

        cancelled: returns whether the caller stopped waiting; it is called when the manager changes or is woken.

        Raises the errors of `apply`. After the list is applied, raises Unknown with TensorFlow Serving's text for new
        models that failed, DeadlineExceeded after `timeout` seconds, and Cancelled if the server stops or `cancelled`
        returns True; the other models are then served all the same.
        """
        fresh = self.apply(models)
        settled = wait_until_settled(self._manager, fresh, timeout, lambda: self._closed or cancelled())
        failed = failures(settled)
        if failed:
            raise Unknown(failure_text("model", failed))
        if self._closed:
            raise Cancelled("the server is stopping and did not wait for the new models")
        if cancelled():
            raise Cancelled("the caller cancelled the request, so the server did not wait for the new models")
        not_ready = self._manager.not_ready()
        missing = [f"{name}: {not_ready[name]}" for name in fresh if name not in settled and name in not_ready]
        if missing:
            raise DeadlineExceeded(
                f"these models are not AVAILABLE after {timeout or 0:g} seconds: {'; '.join(missing)}; they stay in "
                "the configuration, so check their status later"
            )

    def close(self) -> None:
        """Ends all waiting in `reload`. No further list is accepted."""
        self._closed = True
        self._manager.wake()

    def _replace(self, models: Sequence[ModelConfig], *, labels_wait: bool = False) -> None:
        waiting = [model for model in models if labels_wait or model.name not in self._models]
        fresh = {label for model in waiting for label in _labels(model)}
        still = {label for model in models for label in _labels(model) if label in self._waiting}
        for model in models:  # before versions that the old labels named are unloaded
            self._manager.set_labels(model.name, model.labels, keep=labels_wait)
        self._source.watch(models)
        self._models = {model.name: model for model in models}
        self._waiting = {label for label in fresh | still if not self._available(label[0], label[2])}

    def _check_labels(self, model: ModelConfig) -> None:
        current = self._manager.labels(model.name)
        for _, label, version in _labels(model):
            waits = (model.name, label, version) in self._waiting and current.get(label) == version
            if waits or self._available(model.name, version):
                continue
            if not self._allow or current.get(label, version) != version:
                raise FailedPrecondition(
                    f"Request to assign label to version {version} of model {model.name}, which is not currently "
                    "available for inference"
                )

    def _available(self, name: str, version: int) -> bool:
        statuses = self._manager.versions(name)
        return any(status.version == version and status.state is State.AVAILABLE for status in statuses)


def _labels(model: ModelConfig) -> Iterable[_Label]:
    return ((model.name, label, version) for label, version in model.labels.items())
