"""PredictionService/GetModelMetadata and ModelService/GetModelStatus: what there is, and how it fares."""

from __future__ import annotations

from typing import Any

from lightship.errors import InvalidArgument
from lightship.protos import GetModelMetadataResponse, GetModelStatusResponse
from lightship.services import model_metadata, model_status
from lightship.transports.grpc.call import Call
from lightship.transports.grpc.model_specs import choice_of, handle_of, spec_of, write_spec
from lightship.transports.grpc.serving import Serving

SIGNATURES = "signature_def"


def answer_metadata(serving: Serving, request: Any, _: Call) -> Any:
    """Checked in this order: that there is a spec, the fields, the model."""
    spec, response = spec_of(request), GetModelMetadataResponse()
    if not request.metadata_field:
        raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURES:
            raise InvalidArgument(f"Metadata field {field} is not supported")
    with handle_of(serving.manager, spec) as handle:
        write_spec(response.model_spec, handle.servable, spec.name)
        signatures = model_metadata(handle.servable)
    packed = response.metadata[SIGNATURES]
    packed.type_url = f"type.googleapis.com/{signatures.DESCRIPTOR.full_name}"
    packed.value = signatures.SerializeToString()
    return response


def answer_status(serving: Serving, request: Any, _: Call) -> Any:
    """The versions of a model, the highest first, or the one that a version or label names."""
    spec, response = spec_of(request), GetModelStatusResponse()
    for one in model_status(serving.manager, spec.name, *choice_of(spec)):
        version = response.model_version_status.add(version=one.version, state=int(one.state))
        version.status.SetInParent()
        if one.error is not None:
            version.status.error_code = int(one.error.code)
            version.status.error_message = one.error.message
    return response
