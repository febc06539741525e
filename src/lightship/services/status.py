"""The status of models and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from lightship.bundle.missing_image import tensors_only
from lightship.engines.base import SignatureReport
from lightship.errors import NotFound
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ServedModels
from lightship.lifecycle.state import ModelVersionStatus
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """The status of one model."""

    name: str
    # The highest version first.
    versions: list[ModelVersionStatus]
    # Why no version is loaded; None if one is.
    reason: str | None
    # Versions by their labels.
    labels: Mapping[str, int]
    # For each loaded version how its signatures are run.
    engines: Mapping[int, tuple[SignatureReport, ...]]
    # What an operator should know about the model's folder although versions are loaded; empty if nothing.
    notice: str = ""

    @property
    def ready(self) -> bool:
        return self.reason is None


def model_status(
    manager: ServedModels, name: str, version: int | None = None, label: str | None = None
) -> list[ModelVersionStatus]:
    """Returns the statuses of all versions of a model, the highest first, or of the named version.

    Raises NotFound for an unknown model or version, and InvalidArgument for an unknown label, with TensorFlow Serving's
    messages.
    """
    return manager.status(name, version if label is None else manager.labelled(name, label))


def list_models(manager: ServedModels) -> list[ModelSummary]:
    """Returns the status of every model, in the order of the configuration."""
    reasons = manager.not_ready()
    return [_summary(manager, name, reasons.get(name)) for name in manager.models()]


def signature_reports(servable: Servable) -> tuple[SignatureReport, ...]:
    """Returns how each signature is run. The server itself answers those that take encoded images, around others."""
    bundle = servable.bundle
    reports = servable.engine.reports()
    if servable.checked is not None:
        reports = servable.checked.report(reports)
    own = dict.fromkeys(bundle.image_signatures, f"decodes the images, runs {DEFAULT_SIGNATURE} and ranks the labels")
    if bundle.explain is not None:
        runs = bundle.explain.methods[bundle.explain.default]
        own |= dict.fromkeys(bundle.explain_signatures, f"decodes the images and runs {runs}")
    return tuple(
        replace(report, engine="lightship", reason=own[report.signature])
        if report.signature in own
        else _with_setting(report, servable.tuned)
        for report in reports
    )


def _with_setting(report: SignatureReport, tuned: str) -> SignatureReport:
    """Returns the report with the setting of `lightship tune` that its engine runs with."""
    return replace(report, reason=f"{report.reason}; tuned: {tuned}") if tuned and report.engine else report


def _summary(manager: ServedModels, name: str, reason: str | None) -> ModelSummary:
    versions, engines = manager.versions(name), {}
    for place, status in enumerate(versions):
        with suppress(NotFound), manager.handle(name, status.version) as handle:
            engines[status.version] = signature_reports(handle.servable)
            versions[place] = _noted(status, tensors_only(handle.servable.bundle))
    return ModelSummary(name, versions, reason, manager.labels(name), engines, manager.notice(name))


def _noted(status: ModelVersionStatus, note: str) -> ModelVersionStatus:
    """Returns a status with a further note."""
    return replace(status, note="; ".join(filter(None, (status.note, note)))) if note else status
