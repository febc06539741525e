"""Which versions of a model there are, and how they fare."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from lightship.engines.base import SignatureReport
from lightship.errors import NotFound
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.state import ModelVersionStatus
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """reason: why no version answers; None if one does. versions: the highest first. labels: the versions they name.

    engines: of each version that answers, how each of its signatures is run.
    """

    name: str
    versions: list[ModelVersionStatus]
    reason: str | None
    labels: Mapping[str, int]
    engines: Mapping[int, tuple[SignatureReport, ...]]

    @property
    def ready(self) -> bool:
        return self.reason is None


def model_status(
    manager: Manager, name: str, version: int | None = None, label: str | None = None
) -> list[ModelVersionStatus]:
    """All versions of a model, the highest first, or one. Raises NotFound, or InvalidArgument for an unknown label,
    with TensorFlow Serving's texts."""
    return manager.status(name, version if label is None else manager.labelled(name, label))


def list_models(manager: Manager) -> list[ModelSummary]:
    """Every model that the server was given, in that order."""
    reasons = manager.not_ready()
    return [_summary(manager, name, reasons.get(name)) for name in manager.models()]


def signature_reports(servable: Servable) -> tuple[SignatureReport, ...]:
    """How each signature is run; those of images are answered by decoding, `serving_default` and ranking."""
    image_signatures = servable.bundle.image_signatures
    return tuple(
        replace(report, engine="lightship", reason=f"decodes and ranks around {DEFAULT_SIGNATURE}")
        if report.signature in image_signatures
        else report
        for report in servable.engine.reports()
    )


def _summary(manager: Manager, name: str, reason: str | None) -> ModelSummary:
    versions, engines = manager.versions(name), {}
    for status in versions:
        with suppress(NotFound), manager.handle(name, status.version) as handle:
            engines[status.version] = signature_reports(handle.servable)
    return ModelSummary(name, versions, reason, manager.labels(name), engines)
