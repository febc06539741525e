"""Reads responses about models into the types of `results`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from lightship.client.address import CHECK_ADDRESS
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
from lightship.errors import Code, Unknown
from lightship.protos import SignatureDefMap
from lightship.tensors.dtypes import DataType

SIGNATURES = "signature_def"
_STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}


def read_metadata(response: Any, model: str) -> ModelMetadata:
    """Reads a GetModelMetadataResponse. model: the requested name, used if the response has none."""
    packed = response.metadata.get(SIGNATURES)
    if packed is None:
        raise Unknown(f"the response has no signatures, so {CHECK_ADDRESS}")
    with reading("the signatures in the response"):
        signatures = SignatureDefMap.FromString(packed.value).signature_def
    read = {name: signature_info(signatures[name]) for name in sorted(signatures)}
    return ModelMetadata(response.model_spec.name or model, response.model_spec.version.value, read)


def read_status(versions: Iterable[Any]) -> tuple[VersionStatus, ...]:
    """Reads ModelVersionStatus messages. Returns the highest version first."""
    return tuple(sorted(map(_version, versions), key=lambda status: -status.version))


def read_models(response: Any) -> tuple[ModelStatus, ...]:
    """Reads a ListModelsResponse, which only Lightship sends."""
    return tuple(ModelStatus(model.name, _with_reports(model), model.reason, model.notice) for model in response.models)


def read_workers(response: Any) -> tuple[WorkerStatus, ...]:
    """Reads the processes in a ListModelsResponse; empty if there is only one."""
    return tuple(WorkerStatus(one.number, one.pid, one.state, one.restarts) for one in response.workers)


def _with_reports(model: Any) -> tuple[VersionStatus, ...]:
    reports = [
        (one.version, SignatureEngine(one.signature, one.engine, one.reason, one.proof)) for one in model.signatures
    ]
    return tuple(
        replace(
            status,
            signatures=tuple(report for version, report in reports if version == status.version),
            note=model.notes.get(status.version, ""),
        )
        for status in read_status(model.versions)
    )


def _version(status: Any) -> VersionStatus:
    code = status.status.error_code
    name = Code(code).name if code in Code.__members__.values() else str(code)
    return VersionStatus(status.version, _STATES.get(status.state, "UNKNOWN"), name, status.status.error_message)


def signature_info(signature: Any) -> SignatureInfo:
    """Reads a `tensorflow.SignatureDef`."""
    return SignatureInfo(signature.method_name, _tensors(signature.inputs), _tensors(signature.outputs))


def _tensors(tensors: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {name: _tensor(tensors[name]) for name in sorted(tensors)}


def _tensor(info: Any) -> TensorInfo:
    known = info.dtype in DataType.__members__.values()
    dtype = DataType(info.dtype).name if known else "DT_INVALID"
    return TensorInfo(dtype, _shape(info), info.name)


def _shape(info: Any) -> tuple[int, ...] | None:
    if not info.HasField("tensor_shape") or info.tensor_shape.unknown_rank:
        return None
    return tuple(dim.size for dim in info.tensor_shape.dim)
