"""The methods GetModelMetadata, GetModelStatus and ListModels."""

from __future__ import annotations

from typing import Any

from lightship.errors import InvalidArgument
from lightship.lifecycle.state import ModelVersionStatus
from lightship.protos import GetModelMetadataResponse, GetModelStatusResponse, ListModelsResponse
from lightship.services import list_models, model_metadata, model_status
from lightship.transports.grpc.call import Caller
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.model_specs import choice_of, handle_of, spec_of, write_spec

SIGNATURES = "signature_def"


def answer_metadata(context: GrpcContext, request: Any, _: Caller) -> Any:
    """Answers GetModelMetadata. It checks that there is a spec, then the metadata fields, then the model."""
    spec, response = spec_of(request), GetModelMetadataResponse()
    if not request.metadata_field:
        raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURES:
            raise InvalidArgument(f"Metadata field {field} is not supported")
    with handle_of(context.manager, spec) as handle:
        write_spec(response.model_spec, handle.servable, spec.name)
        signatures = model_metadata(handle.servable)
    packed = response.metadata[SIGNATURES]
    packed.type_url = f"type.googleapis.com/{signatures.DESCRIPTOR.full_name}"
    packed.value = signatures.SerializeToString()
    return response


def answer_status(context: GrpcContext, request: Any, _: Caller) -> Any:
    """Returns the status of each version of a model, highest version first, or of one version or label."""
    spec, response = spec_of(request), GetModelStatusResponse()
    for one in model_status(context.manager, spec.name, *choice_of(spec)):
        _write_version(response.model_version_status.add(), one)
    return response


def answer_list(context: GrpcContext, _: Any, __: Caller) -> Any:
    """Lists every configured model, in the order of the configuration. TensorFlow Serving has no such method."""
    response = ListModelsResponse()
    for one in list_models(context.manager):
        model = response.models.add(name=one.name, reason=one.reason or "", labels=one.labels, notice=one.notice)
        for version in one.versions:
            _write_version(model.versions.add(), version)
            if version.note:
                model.notes[version.version] = version.note
            for report in one.engines.get(version.version, ()):
                model.signatures.add(
                    version=version.version,
                    signature=report.signature,
                    engine=report.engine,
                    reason=report.reason,
                    proof=report.proof,
                )
    for worker in context.manager.workers():
        response.workers.add(number=worker.number, pid=worker.pid, state=worker.state, restarts=worker.restarts)
    return response


def _write_version(message: Any, one: ModelVersionStatus) -> None:
    message.version, message.state = one.version, int(one.state)
    message.status.SetInParent()
    if one.error is not None:
        message.status.error_code = int(one.error.code)
        message.status.error_message = one.error.message
