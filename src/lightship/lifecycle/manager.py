"""Loads and unloads versions until the aspired ones are loaded, and gives out handles to those that are."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lightship.engines.trial import cancel_trials
from lightship.errors import Cancelled, DataLoss, LightshipError
from lightship.lifecycle.attempts import Backoff, LoadFunction, Retries, attempt
from lightship.lifecycle.background import RETRY_SECONDS, Background
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.load_slots import LoadSlots
from lightship.lifecycle.loader import load_servable
from lightship.lifecycle.model_versions import ModelVersions
from lightship.lifecycle.models import Models
from lightship.lifecycle.policy import Phase, UnloadAction
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ModelState, ServedModels
from lightship.lifecycle.state import ModelVersionStatus
from lightship.lifecycle.version_files import FilesSeen, fingerprint
from lightship.lifecycle.version_record import VersionRecord
from lightship.priority import at_low_priority
from lightship.repeated import RepeatedFailure, exception_text

logger = logging.getLogger(__name__)

_ERROR_SECONDS = 1.0  # the pause after an unexpected error
_LEAST_JOIN = 0.05  # seconds for the manager's thread to end


# Takes a model's name, its loaded versions (the highest first) and its labels.
OnPublish = Callable[[str, Mapping[int, Lease], Mapping[str, int]], None]


class Manager(ServedModels):
    """Loads and unloads versions in its own threads, so that no request waits for them.

    load: loads a version folder. If it raises, it is called again as `retries` say; after that the version ends with
        the error, and is tried again after growing pauses (`backoff`), or at once when its files change.
    loads: the number of versions that are loaded at the same time; more if some of them may hang, see `LoadSlots`.
    on_publish: is called when a model's loaded versions or labels have changed, before anything is unloaded. It may
        wait a moment, and must ask nothing of the manager.
    """

    def __init__(
        self,
        load: LoadFunction = load_servable,
        *,
        loads: int = 2,
        retries: Retries = Retries(),  # noqa: B008 - immutable
        backoff: Backoff = Backoff(),  # noqa: B008 - immutable
        on_publish: OnPublish | None = None,
    ) -> None:
        super().__init__()
        self._load, self._retries, self._backoff = load, retries, backoff
        self._slots = LoadSlots(loads)
        self._models = Models()
        self._on_publish = on_publish
        self._background = Background(self.wake)
        self._closed = False
        # Called on any thread after a version was loaded, and after one was closed. It must return at once.
        self.on_turnover: Callable[[], None] = _nothing
        self._thread = threading.Thread(target=self._work, name="lightship-manager", daemon=True)
        self._thread.start()

    def expect(self, name: str, reason: str = "") -> None:
        """Adds a model before any version of it was found; `reason` says why none was. Loaded versions stay loaded."""
        with self._changed:
            model = self._models.known(name)
            model.reason, model.notice = reason or model.reason, reason
        self.wake()

    def forget(self, name: str) -> None:
        """Removes a model. Its labels are removed and its versions unloaded, without waiting for that."""
        with self._changed:
            model = self._models.get(name)
            if model is not None:
                self._models.forget(model)
                self._publish(model)
                self._changed.notify_all()

    def aspire(
        self,
        name: str,
        versions: Mapping[int, Path],
        reason: str = "",
        *,
        files: Mapping[int, FilesSeen] | None = None,
        notice: str = "",
    ) -> None:
        """Sets the versions of a model that should be loaded; other versions are unloaded.

        files: what the files of the versions look like; None if the caller did not look. A version whose files are not
            complete is not loaded yet. One that failed is tried again now if its files have changed since.
        notice: what an operator should know about the model's folder.

        Returns at once.
        """
        with self._changed:
            model = self._models.known(name)
            model.aspire(versions)
            model.reason, model.notice = reason or model.reason, notice
            failed = [] if files is not None else [(record, record.path) for record in model.failed()]
            model.see(files or {}, versions, time.monotonic())
            self._changed.notify_all()
        seen = [(record, FilesSeen(fingerprint(path))) for record, path in failed]
        with self._changed:
            for record, its_files in seen:
                record.see(its_files, time.monotonic())
        self.wake()

    def set_labels(self, name: str, labels: Mapping[str, int], *, keep: bool = False) -> None:
        """Replaces the labels of a model. A label may name a version that is not loaded yet.

        keep: a label that names a loaded version now keeps it until the new one is loaded, or the old one is unloaded.
        """
        with self._changed:
            model = self._models.known(name)
            model.set_labels(labels, keep=keep)
            self._publish(model)
            self._changed.notify_all()

    def labels(self, name: str) -> Mapping[str, int]:
        with self._changed:
            return model.labels if (model := self._models.get(name)) else {}

    def versions(self, name: str) -> list[ModelVersionStatus]:
        with self._changed:
            return model.statuses() if (model := self._models.get(name)) else []

    def folders(self, name: str) -> dict[Path, bool]:
        """Returns the folders of a model's versions that are loaded or being loaded, each with whether it answers."""
        with self._changed:
            return model.folders() if (model := self._models.get(name)) else {}

    def notice(self, name: str) -> str:
        with self._changed:
            return model.notice if (model := self._models.get(name)) else ""

    def models(self) -> list[str]:
        with self._changed:
            return [model.name for model in self._models.wanted()]

    def not_ready(self) -> dict[str, str]:
        with self._changed:
            reasons = [(model.name, model.why_not_ready()) for model in self._models.wanted()]
        return {name: reason for name, reason in reasons if reason is not None}

    def states(self) -> list[ModelState]:
        """Returns the states of all models, in the order in which they were added; removed ones come last."""
        with self._changed:
            return [model.state() for model in self._models]

    def settled_status(self, name: str) -> ModelVersionStatus | None:
        """Returns the status of a model's highest aspired version that is loaded or ended with an error, or None."""
        with self._changed:
            return model.settled_status() if (model := self._models.get(name)) else None

    def lose(self, servable: Servable, error: LightshipError) -> bool:
        """Notes that a loaded version cannot answer any more. It ends with the error, and is tried again as others are.

        Does nothing and returns False if the version does not answer yet, is being unloaded, or was loaded again.
        """
        with self._changed:
            for model in self._models:
                for record in model.records.values():
                    if record.phase is Phase.READY and record.lease is not None and record.lease.servable is servable:
                        self._end_loaded(model, record, error, time.monotonic())
                        self._changed.notify_all()
                        return True
        return False

    def close(self, timeout: float = 30.0, *, loads: float = math.inf) -> bool:
        """Cancels trial compilations, waits at most `timeout` seconds for the handles, and unloads everything.

        `loads` is the time for versions that are being loaded, in seconds, if that is less. Returns False if models
        were still in use or loading after that time.
        """
        end = time.monotonic() + timeout
        for name in self.models():
            self.aspire(name, {}, "the server is stopping")
        cancel_trials()
        drained = self.wait(lambda _: all(model.idle() for model in self._models), min(timeout, loads))
        if not drained:
            unused = self.wait(lambda _: all(model.unused() for model in self._models), end - time.monotonic())
            drained = all(model.idle() for model in self._models)
            if not drained:
                seconds = loads if unused else timeout
                logger.warning("models were still in use or loading after %g s", seconds, extra={"seconds": seconds})
        self._closed = True
        self.wake()
        self._thread.join(max(_LEAST_JOIN, end - time.monotonic()))
        return drained

    def _work(self) -> None:
        failing = RepeatedFailure()
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                try:
                    if not self._step(now):
                        failing.ended()
                        self._changed.wait(self._pause(now))
                except Exception as error:  # an error of one step must not end the thread
                    if failing.is_new(exception_text(error)):
                        logger.exception("a step of the manager failed")
                    self._changed.wait(_ERROR_SECONDS)

    def _step(self, now: float) -> bool:
        """Starts one action, unloading before loading. Returns whether there was one."""
        self._background.start_waiting()
        for model in self._models:
            model.retry_due(now)
        actions = [(model, model.next_action(now)) for model in self._models]
        for model, action in actions:
            if isinstance(action, UnloadAction):
                self._unload(model, model.records[action.version])
                return True
        for model, action in actions:
            if action is not None and self._slots.may_begin(model.name, now):
                self._begin_load(model, model.records[action.version], now)
                return True
        return False

    def _pause(self, now: float) -> float | None:
        """Returns the seconds until a pause between attempts ends or a load counts as slow; None if nothing will."""
        times = [time for model in self._models for time in model.times() if time > now]
        slow = self._slots.next_slow(now)
        times += [] if slow is None else [slow]
        times += [now + RETRY_SECONDS] if self._background.waits else []
        soonest = min(times, default=None)
        return None if soonest is None else max(0.0, soonest - time.monotonic())

    def _begin_load(self, model: ModelVersions, record: VersionRecord, now: float) -> None:
        """Starts to load a version, or to load it again; then it stays READY meanwhile."""
        if record.phase is not Phase.READY:
            record.phase = Phase.LOADING
        record.load_began = now
        self._slots.begin(model.name, now)
        self._changed.notify_all()
        self._background.start(self._load_version, model, record, now)

    def _load_version(self, model: ModelVersions, record: VersionRecord, began: float) -> None:
        path = record.path
        before = fingerprint(path)
        loaded = attempt(self._load, record.id, path, record.failing)
        meanwhile = fingerprint(path) != before
        with self._changed:
            if not isinstance(loaded, LightshipError):
                record.loaded_from = path
            self._slots.end(model.name, began)
            record.load_began, now = None, time.monotonic()
            again = record.phase is Phase.READY
            if not meanwhile and not (again and isinstance(loaded, LightshipError)):
                record.fingerprint = before
            if record.moved_to is not None and record.aspired and record.phase is Phase.LOADING:
                record.restart(record.moved_to)
                self._drop(loaded)
            elif meanwhile and record.aspired and record.phase in (Phase.LOADING, Phase.READY):
                record.postpone(now)
                self._drop(loaded)
            elif isinstance(loaded, LightshipError):
                self._failed(model, record, loaded, now)
            elif record.aspired and record.phase in (Phase.LOADING, Phase.READY):
                self._loaded(model, record, loaded, now)
            elif record.phase is Phase.LOADING:
                record.phase = Phase.UNLOADING
                self._background.start(
                    self._close_version, model, record, loaded, Cancelled("Loading of servable cancelled")
                )
            else:
                self._drop(loaded)
            self._changed.notify_all()

    def _loaded(self, model: ModelVersions, record: VersionRecord, servable: Servable, now: float) -> None:
        replaced = record.become_ready(servable, now)
        self._publish(model)
        failed = record.failing.ended()
        after = f", after {failed} failed attempt{'s' * (failed > 1)}" if failed else ""
        logger.info("%s is AVAILABLE%s", record.id, after, extra=_fields(record))
        self.on_turnover()
        if replaced is not None:
            replaced.retire(lambda: self._drop(replaced.servable))

    def _failed(self, model: ModelVersions, record: VersionRecord, error: LightshipError, now: float) -> None:
        """Notes a failed attempt. A loaded version goes on answering, unless its files are known to be damaged."""
        if record.phase not in (Phase.LOADING, Phase.READY):
            return
        if record.phase is Phase.READY and not (record.aspired and isinstance(error, DataLoss)):
            record.failures += 1
            record.retry_at = now + self._backoff.after(record.failures)
            record.notice = f"its files were changed after it was loaded, and cannot be loaded again: {error.message}"
            return
        self._end_loaded(model, record, error, now)

    def _end_loaded(self, model: ModelVersions, record: VersionRecord, error: LightshipError, now: float) -> None:
        """Ends a version with an error, whether or not it was loaded."""
        lease, record.lease = record.lease, None
        model.fail(record, error, now, self._retries, self._backoff)
        self._publish(model)
        if lease is not None:
            lease.retire(lambda: self._drop(lease.servable))

    def _unload(self, model: ModelVersions, record: VersionRecord) -> None:
        lease, record.phase = record.lease, Phase.UNLOADING
        assert lease is not None
        self._publish(model)
        self._changed.notify_all()
        lease.retire(lambda: self._background.start(self._close_version, model, record, lease.servable, None))

    def _close_version(
        self, model: ModelVersions, record: VersionRecord, servable: Servable, error: LightshipError | None
    ) -> None:
        self._close(servable)
        logger.info("%s is unloaded", record.id, extra=_fields(record))
        with self._changed:
            model.end(record, error)
        self.wake()

    def _drop(self, loaded: Servable | LightshipError) -> None:
        """Closes a servable that no version has any more."""
        if not isinstance(loaded, LightshipError):
            self._background.start(self._close, loaded)

    def _close(self, servable: Servable) -> None:
        try:
            at_low_priority(servable.close)  # the system takes milliseconds to take back the memory
        except Exception:
            logger.exception("closing %s failed", servable.id, extra={"model": servable.id.name})
        self.on_turnover()

    def _publish(self, model: ModelVersions) -> None:
        leases = model.leases()
        model.move_labels(leases)
        self._serving.publish(model.name, leases, model.labels)
        if self._on_publish is not None:
            self._on_publish(model.name, leases, model.labels)


def _nothing() -> None:
    pass


def _fields(one: VersionRecord) -> dict[str, object]:
    return {"model": one.id.name, "version": one.id.version}
