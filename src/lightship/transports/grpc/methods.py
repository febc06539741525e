"""The gRPC methods of the server, by their full names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lightship import protos
from lightship.transports.grpc.call import Call
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.examples import answer_classify, answer_multi_inference, answer_regress
from lightship.transports.grpc.health import answer_check, watch
from lightship.transports.grpc.models import answer_list, answer_metadata, answer_status
from lightship.transports.grpc.predict import answer_predict
from lightship.transports.grpc.reload import answer_reload


@dataclass(frozen=True, slots=True)
class Method:
    """A gRPC method: its request message and the function that answers it."""

    # The class of its request messages.
    request: Any
    # Returns the response message, or an iterator of response messages for a streaming method.
    act: Callable[[GrpcContext, Any, Call], Any]
    # The method's name in the metrics, or "" if it is not counted.
    counted_as: str = ""
    # Whether the method runs a model.
    runs: bool = False
    # Whether the method waits for models to change.
    waits: bool = False


_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
_CATALOG, _HEALTH = "/lightship.v1.ModelCatalog", "/grpc.health.v1.Health"

CALLS: dict[str, Method] = {
    f"{_PREDICTION}/Predict": Method(protos.PredictRequest, answer_predict, "Predict", runs=True),
    f"{_PREDICTION}/Classify": Method(protos.ClassificationRequest, answer_classify, "Classify", runs=True),
    f"{_PREDICTION}/Regress": Method(protos.RegressionRequest, answer_regress, "Regress", runs=True),
    f"{_PREDICTION}/MultiInference": Method(protos.MultiInferenceRequest, answer_multi_inference, runs=True),
    f"{_PREDICTION}/GetModelMetadata": Method(protos.GetModelMetadataRequest, answer_metadata),
    f"{_MODELS}/GetModelStatus": Method(protos.GetModelStatusRequest, answer_status),
    f"{_MODELS}/HandleReloadConfigRequest": Method(protos.ReloadConfigRequest, answer_reload, waits=True),
    f"{_CATALOG}/ListModels": Method(protos.ListModelsRequest, answer_list),
}
HEALTH_CALLS: dict[str, Method] = {f"{_HEALTH}/Check": Method(protos.HealthCheckRequest, answer_check)}
STREAMS: dict[str, Method] = {f"{_HEALTH}/Watch": Method(protos.HealthCheckRequest, watch, waits=True)}
