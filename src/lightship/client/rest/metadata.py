"""Reads the responses of status, list and metadata requests into the types of `results`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightship.client.reading import reading
from lightship.client.results import (
    ModelMetadata,
    ModelStatus,
    SignatureEngine,
    SignatureInfo,
    TensorInfo,
    VersionStatus,
    WorkerStatus,
)


def read_metadata(document: Mapping[str, Any]) -> ModelMetadata:
    """Reads the response to `GET .../metadata`."""
    with reading("the server's metadata"):
        spec = document["model_spec"]
        signatures = document["metadata"]["signature_def"]["signature_def"]
        read = {name: _signature(fields) for name, fields in sorted(signatures.items())}
        return ModelMetadata(spec["name"], int(spec["version"]), read)


def outputs_of(metadata: ModelMetadata, signature: str) -> Mapping[str, TensorInfo]:
    """The outputs of a signature; empty if the metadata, perhaps of an older version, does not have it."""
    found = metadata.signatures.get(signature)
    return found.outputs if found else {}


def read_status(document: Mapping[str, Any]) -> tuple[VersionStatus, ...]:
    """Reads the response to `GET /v1/models/NAME`, the highest version first."""
    with reading("the server's status"):
        return tuple(_version(fields) for fields in document["model_version_status"])


def read_models(document: Mapping[str, Any]) -> tuple[ModelStatus, ...]:
    """Reads the response to `GET /v1/models`, which only Lightship has."""
    with reading("the server's list of models", "give the address of Lightship"):
        return tuple(_model(fields) for fields in document["models"])


def read_workers(document: Mapping[str, Any]) -> tuple[WorkerStatus, ...]:
    """Reads the processes in the response to `GET /v1/models`; empty if there is only one."""
    with reading("the server's list of processes", "give the address of Lightship"):
        return tuple(
            WorkerStatus(int(one["number"]), int(one["pid"]), str(one["state"]), int(one["restarts"]))
            for one in document.get("workers", ())
        )


def _signature(fields: Mapping[str, Any]) -> SignatureInfo:
    return SignatureInfo(fields.get("method_name", ""), _tensors(fields, "inputs"), _tensors(fields, "outputs"))


def _tensors(fields: Mapping[str, Any], key: str) -> dict[str, TensorInfo]:
    return {name: _tensor(info) for name, info in sorted(fields.get(key, {}).items())}


def _tensor(info: Mapping[str, Any]) -> TensorInfo:
    return TensorInfo(info.get("dtype", "DT_INVALID"), _shape(info.get("tensor_shape")), info.get("name", ""))


def _shape(fields: Mapping[str, Any] | None) -> tuple[int, ...] | None:
    if fields is None or fields.get("unknown_rank"):
        return None
    return tuple(int(dimension.get("size", 0)) for dimension in fields.get("dim", []))


def _model(fields: Mapping[str, Any]) -> ModelStatus:
    versions = tuple(_version(version) for version in fields["versions"])
    return ModelStatus(fields["name"], versions, fields.get("reason") or "", fields.get("notice") or "")


def _version(fields: Mapping[str, Any]) -> VersionStatus:
    status = fields.get("status", {})
    return VersionStatus(
        version=int(fields["version"]),
        state=fields["state"],
        error_code=status.get("error_code", "OK"),
        error_message=status.get("error_message", ""),
        signatures=tuple(
            SignatureEngine(name, one.get("engine", ""), one.get("reason", ""), one.get("proof", ""))
            for name, one in fields.get("signatures", {}).items()
        ),
        note=fields.get("note") or "",
    )
