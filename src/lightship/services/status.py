"""Which versions of a model there are, and how they fare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lightship.lifecycle.manager import Manager
from lightship.lifecycle.state import VersionStatus


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """reason: why no version answers; None if one does. versions: the highest first. labels: the versions they name."""

    name: str
    versions: list[VersionStatus]
    reason: str | None
    labels: Mapping[str, int]

    @property
    def ready(self) -> bool:
        return self.reason is None


def model_status(
    manager: Manager, name: str, version: int | None = None, label: str | None = None
) -> list[VersionStatus]:
    """All versions of a model, the highest first, or one. Raises NotFound, or InvalidArgument for an unknown label,
    with TensorFlow Serving's texts."""
    return manager.status(name, version if label is None else manager.labelled(name, label))


def list_models(manager: Manager) -> list[ModelSummary]:
    """Every model that the server was given, in that order."""
    reasons = manager.not_ready()
    return [
        ModelSummary(name, manager.versions(name), reasons.get(name), manager.labels(name)) for name in manager.models()
    ]
