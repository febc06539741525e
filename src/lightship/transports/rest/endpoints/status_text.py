"""Writes the response to `GET /v1/models/M`: proto3 JSON in the layout of protobuf's C++ printer."""

from __future__ import annotations

from collections.abc import Iterable

from lightship.lifecycle.state import ModelVersionStatus
from lightship.transports.rest.reading.values import encoded
from lightship.transports.rest.writing.text import quoted


def status_document(statuses: Iterable[ModelVersionStatus]) -> bytes:
    """Writes the status of versions in the given order. The manager returns the highest version first."""
    versions = ",\n".join(map(_version, statuses))
    return encoded('{\n "model_version_status": [\n' + versions + "\n ]\n}\n")


def _version(status: ModelVersionStatus) -> str:
    code = status.error.code.name if status.error else "OK"
    message = quoted(status.error.message if status.error else "")
    return (
        f'  {{\n   "version": "{status.version}",\n   "state": "{status.state.name}",\n   "status": {{\n'
        f'    "error_code": "{code}",\n    "error_message": {message}\n   }}\n  }}'
    )
