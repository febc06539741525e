"""What a worker serves: the versions that the supervisor tells it to serve, with the states that it tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lightship.lifecycle.handle import Lease
from lightship.lifecycle.served_models import ModelState, ServedModels, WorkerState
from lightship.lifecycle.state import ModelVersionStatus


class FollowedModels(ServedModels):
    """The models of all workers. Their states are those of the whole server, whichever worker is asked."""

    def __init__(self) -> None:
        super().__init__()
        # Both are replaced and never changed, so that readers need no lock.
        self._states: Mapping[str, ModelState] = {}
        self._order: Sequence[str] = ()
        self._workers: Sequence[WorkerState] = ()

    def update(
        self,
        changed: Iterable[ModelState],
        removed: Iterable[str],
        order: Sequence[str],
        workers: Sequence[WorkerState] = (),
    ) -> None:
        """Takes in new states. order: the names of the configured models. workers: all of them."""
        with self._changed:
            states = {**self._states, **{state.name: state for state in changed}}
            for name in removed:
                states.pop(name, None)
            self._states, self._order = states, tuple(order)
            self._workers = tuple(workers)
            self._changed.notify_all()

    def publish(self, name: str, leases: Mapping[int, Lease], labels: Mapping[str, int]) -> None:
        """Replaces the versions of a model that answer calls. leases: the highest version first."""
        with self._changed:
            self._serving.publish(name, leases, labels)
            self._changed.notify_all()

    def versions(self, name: str) -> list[ModelVersionStatus]:
        state = self._states.get(name)
        return list(state.versions) if state is not None else []

    def models(self) -> list[str]:
        return list(self._order)

    def not_ready(self) -> dict[str, str]:
        states = self._states
        reasons = ((name, states[name].reason) for name in self._order if name in states)
        return {name: reason for name, reason in reasons if reason is not None}

    def labels(self, name: str) -> Mapping[str, int]:
        state = self._states.get(name)
        return state.labels if state is not None else {}

    def workers(self) -> Sequence[WorkerState]:
        return self._workers

    def notice(self, name: str) -> str:
        state = self._states.get(name)
        return state.notice if state is not None else ""
