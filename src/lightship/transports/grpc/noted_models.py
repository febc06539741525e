"""Finds the model that a request names and the version that answered, for the access log and the metrics."""

from __future__ import annotations

from typing import Any

from lightship.transports.access_log.record import AccessRecord


def note_request(record: AccessRecord | None, message: Any) -> None:
    """Notes the model of a request, or that of the first task of a MultiInferenceRequest."""
    if record is None:
        return
    spec = _spec(message, "tasks")
    if spec is not None:
        record.model = spec.name


def note_response(record: AccessRecord | None, message: Any) -> None:
    """Notes the version that a response names, if it names one."""
    if record is None:
        return
    spec = _spec(message, "results")
    if spec is not None and spec.HasField("version"):
        record.version = spec.version.value


def model_named(message: Any) -> str:
    """Returns the model that a request names, or that of the first task of a MultiInferenceRequest."""
    spec = _spec(message, "tasks")
    return "" if spec is None else str(spec.name)


def _spec(message: Any, parts: str) -> Any:
    spec = getattr(message, "model_spec", None)
    if spec is None:
        several = getattr(message, parts, ())
        spec = several[0].model_spec if several else None
    return spec
