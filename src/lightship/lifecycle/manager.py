"""Makes the aspired versions real, one step at a time, and hands out what answers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lightship.engines.trial import cancel_trials
from lightship.errors import Cancelled, LightshipError, NotFound
from lightship.lifecycle.attempts import Backoff, LoadFunction, Retries, attempt
from lightship.lifecycle.handle import Handle
from lightship.lifecycle.loader import load_servable
from lightship.lifecycle.model_versions import ModelVersions
from lightship.lifecycle.models import Models
from lightship.lifecycle.policy import Phase, UnloadAction
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.serving import ServingTable
from lightship.lifecycle.state import ModelVersionStatus
from lightship.lifecycle.version_record import VersionRecord, fingerprint

logger = logging.getLogger(__name__)


class Manager:
    """Loads and unloads in threads of its own, so that no request waits for either.

    load: makes a servable of a version folder. What it raises ends the version once its `retries` are used up; then it
    is tried again after growing pauses (`backoff`), or at once when its files change. loads: how many run at the same time.
    """

    def __init__(
        self,
        load: LoadFunction = load_servable,
        *,
        loads: int = 2,
        retries: Retries = Retries(),  # noqa: B008 - immutable
        backoff: Backoff = Backoff(),  # noqa: B008 - immutable
    ) -> None:
        self._load, self._loads, self._retries, self._backoff = load, loads, retries, backoff
        self._changed = threading.Condition()
        self._models = Models()
        self._serving = ServingTable()
        self._loading = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="lightship-manager", daemon=True)
        self._thread.start()

    def expect(self, name: str, reason: str = "") -> None:
        """Makes a model known before any version of it is; `reason` says why none is there. Loaded ones stay."""
        with self._changed:
            model = self._models.known(name)
            model.reason = reason or model.reason
        self.wake()

    def forget(self, name: str) -> None:
        """Ends the serving of a model: its versions and labels are let go, without waiting for it."""
        with self._changed:
            model = self._models.get(name)
            if model is not None:
                self._models.forget(model)
                self._publish(model)
                self._changed.notify_all()

    def aspire(self, name: str, versions: Mapping[int, Path], reason: str = "") -> None:
        """Says which versions of a model should be there, all of them: others are let go.

        Returns at once. Versions that failed are tried again now if their files changed since.
        """
        with self._changed:
            model = self._models.known(name)
            model.aspire(versions)
            model.reason = reason or model.reason
            failed = [(record, record.path) for record in model.failed()]
            self._changed.notify_all()
        changed = [record for record, path in failed if fingerprint(path) != record.fingerprint]
        with self._changed:
            for record in changed:
                record.failures, record.retry_at = 0, 0.0
        self.wake()

    def set_labels(self, name: str, labels: Mapping[str, int]) -> None:
        """Replaces the labels of a model. One may name a version that is not loaded yet: it answers once that is."""
        with self._changed:
            model = self._models.known(name)
            model.labels = dict(labels)
            self._publish(model)
            self._changed.notify_all()

    def labels(self, name: str) -> Mapping[str, int]:
        """The labels of a model, with the versions they name; none if it has none."""
        with self._changed:
            return model.labels if (model := self._models.get(name)) else {}

    def labelled(self, name: str, label: str) -> int:
        """The version that a label names, be it loaded or not. Raises InvalidArgument for an unknown label."""
        return self._serving.labelled(name, label)

    def handle(self, name: str, version: int | None = None, label: str | None = None) -> Handle:
        """A handle to a version, the highest that is loaded by default; release it, or use it in a `with`.

        Raises NotFound or InvalidArgument with TensorFlow Serving's texts: a label that is known, but whose version is
        not loaded, is NotFound.
        """
        return self._serving.handle(name, version, label)

    def status(self, name: str, version: int | None = None) -> list[ModelVersionStatus]:
        """The versions of a model, highest first, or the one asked for. Raises NotFound."""
        statuses = [status for status in self.versions(name) if version is None or status.version == version]
        if not statuses:
            wanted = "any versions" if version is None else f"version {version}"
            raise NotFound(f"Could not find {wanted} of model {name}")
        return statuses

    def versions(self, name: str) -> list[ModelVersionStatus]:
        """The versions of a model, highest first; none if it has none."""
        with self._changed:
            return model.statuses() if (model := self._models.get(name)) else []

    def models(self) -> list[str]:
        """The names of all models that were made known and not removed, in that order."""
        with self._changed:
            return [model.name for model in self._models.wanted()]

    def ready(self) -> bool:
        """Whether every model has a version that answers."""
        return not self.not_ready()

    def not_ready(self) -> dict[str, str]:
        """The models without a version that answers, and why."""
        with self._changed:
            reasons = [(model.name, model.why_not_ready()) for model in self._models.wanted()]
        return {name: reason for name, reason in reasons if reason is not None}

    def settled_status(self, name: str) -> ModelVersionStatus | None:
        """The highest aspired version of a model that answers, or ended with an error; None while there is none."""
        with self._changed:
            return model.settled_status() if (model := self._models.get(name)) else None

    def wait_ready(self, timeout: float | None) -> bool:
        """Waits until `ready`, at most `timeout` seconds; whether it is."""
        return self.wait(Manager.ready, timeout)

    def wait(self, condition: Callable[[Manager], bool], timeout: float | None) -> bool:
        """Waits until a condition of this manager holds, looking whenever something changes; whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout)

    def wake(self) -> None:
        """Lets those that wait look at their condition again."""
        with self._changed:
            self._changed.notify_all()

    def close(self, timeout: float = 30.0) -> None:
        """Lets go of everything: waits for the handles, at most `timeout` seconds, and unloads. What is still being
        tried is given up."""
        for name in self.models():
            self.aspire(name, {}, "the server is stopping")
        cancel_trials()
        drained = self.wait(lambda _: all(model.idle() for model in self._models), timeout)
        if not drained:
            logger.warning("models were still in use or loading after %g s", timeout, extra={"seconds": timeout})
        self._closed = True
        self.wake()
        self._thread.join(timeout)

    def _work(self) -> None:
        with self._changed:
            while not self._closed:
                if not self._step():
                    self._changed.wait(self._pause())

    def _step(self) -> bool:
        """Starts one action, unloads before loads; whether there was one."""
        now = time.monotonic()
        for model in self._models:
            model.retry_due(now)
        actions = [(model, model.next_action(now)) for model in self._models]
        for model, action in actions:
            if isinstance(action, UnloadAction):
                self._unload(model, model.records[action.version])
                return True
        for model, action in actions:
            if action is not None and self._loading < self._loads:
                self._begin_load(model, model.records[action.version])
                return True
        return False

    def _pause(self) -> float | None:
        """Seconds until a retry is due; None if only a change can bring something to do."""
        if self._loading >= self._loads:
            return None
        retries = [model.next_retry() for model in self._models]
        soonest = min((retry for retry in retries if retry is not None), default=None)
        return None if soonest is None else max(0.0, soonest - time.monotonic())

    def _begin_load(self, model: ModelVersions, record: VersionRecord) -> None:
        record.phase = Phase.LOADING
        self._loading += 1
        self._changed.notify_all()
        _start(self._load_version, model, record)

    def _load_version(self, model: ModelVersions, record: VersionRecord) -> None:
        stamp = fingerprint(record.path)
        loaded = attempt(self._load, record.id, record.path)
        with self._changed:
            self._loading -= 1
            record.fingerprint = stamp
            if isinstance(loaded, LightshipError):
                model.fail(record, loaded, time.monotonic(), self._retries, self._backoff)
            elif record.aspired:
                record.become_ready(loaded)
                self._publish(model)
                logger.info("%s is AVAILABLE", record.id, extra=_fields(record))
            else:
                record.phase = Phase.UNLOADING
                _start(self._close_version, model, record, loaded, Cancelled("Loading of servable cancelled"))
            self._changed.notify_all()

    def _unload(self, model: ModelVersions, record: VersionRecord) -> None:
        lease, record.phase = record.lease, Phase.UNLOADING
        assert lease is not None
        self._publish(model)
        self._changed.notify_all()
        lease.retire(lambda: _start(self._close_version, model, record, lease.servable, None))

    def _close_version(
        self, model: ModelVersions, record: VersionRecord, servable: Servable, error: LightshipError | None
    ) -> None:
        try:
            servable.close()
        except Exception:
            logger.exception("closing %s failed", record.id, extra=_fields(record))
        logger.info("%s is unloaded", record.id, extra=_fields(record))
        with self._changed:
            model.end(record, error)
        self.wake()

    def _publish(self, model: ModelVersions) -> None:
        self._serving.publish(model.name, model.leases(), model.labels)


def _start(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, name=f"lightship{target.__name__}", daemon=True).start()


def _fields(one: VersionRecord) -> dict[str, object]:
    return {"model": one.id.name, "version": one.id.version}
