"""Waits until every model is loaded or failed, and describes those that failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from lightship.lifecycle.manager import Manager
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.state import ModelVersionStatus, State


def wait_until_settled(
    manager: Manager, names: Collection[str], timeout: float | None, cancelled: Callable[[], bool] = lambda: False
) -> dict[str, ModelVersionStatus]:
    """Waits until every model has a version that is AVAILABLE or ended with an error.

    Does not wait for models that are removed in the meantime. Stops waiting after `timeout` seconds, or when
    `cancelled`, which is called after every change, returns True.
    Returns for each settled model the status of its highest settled version.
    """
    settled: dict[str, ModelVersionStatus] = {}

    def done(seen: Manager) -> bool:
        configured = set(seen.models())
        for name in names:
            status = seen.settled_status(name)
            if status is not None:
                settled[name] = status
        return cancelled() or all(name in settled or name not in configured for name in names)

    manager.wait(done, timeout)
    return settled


def failures(settled: Mapping[str, ModelVersionStatus]) -> dict[str, ModelVersionStatus]:
    """Returns the statuses of the models that failed, in the order of their names."""
    return {name: status for name, status in sorted(settled.items()) if status.state is not State.AVAILABLE}


def failure_text(kind: str, failed: Mapping[str, ModelVersionStatus]) -> str:
    """Returns TensorFlow Serving's text, with its braces. kind: "servable" at the start, "model" at a reload."""
    reasons = "".join(
        f"{{{ServableId(name, status.version)} due to error: {status.error.code.name}: {status.error.message}}}, "
        for name, status in failed.items()
        if status.error is not None
    )
    return f"{len(failed)} {kind}(s) did not become available: {reasons}}}"
