"""The gRPC methods of the server, by their full names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lightship import protos
from lightship.batching import Steps
from lightship.transports.grpc.call import Caller
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.examples import answer_classify, answer_multi_inference, answer_regress
from lightship.transports.grpc.health import answer_check
from lightship.transports.grpc.models import answer_list, answer_metadata, answer_status
from lightship.transports.grpc.reload import answer_reload


@dataclass(frozen=True, slots=True)
class Method:
    """A gRPC method with one request and one response."""

    # The full name.
    name: str
    # The class of its request messages.
    request: Any
    # Returns the response message, if the method runs no model.
    act: Callable[[GrpcContext, Any, Caller], Any] | None = None
    # Returns the response message in steps. Predict has neither, because it is prepared first and run then.
    steps: Callable[[GrpcContext, Any, Caller], Steps[Any]] | None = None
    # The method's name in the metrics, or None if it is not counted.
    counted_as: str | None = None
    # The method's name in our own metrics, or None if it is not counted there.
    label: str | None = None
    # Whether the method runs a model.
    runs: bool = False
    # Whether an event loop may begin to answer it, if the request is short.
    prompt: bool = False
    # Whether the method waits for models to change.
    waits: bool = False


_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
_CATALOG, _HEALTH = "/lightship.v1.ModelCatalog", "/grpc.health.v1.Health"


def _by_name(*methods: Method) -> dict[str, Method]:
    return {method.name: method for method in methods}


CALLS = _by_name(
    Method(
        f"{_PREDICTION}/Predict", protos.PredictRequest, counted_as="Predict", label="predict", runs=True, prompt=True
    ),
    Method(
        f"{_PREDICTION}/Classify",
        protos.ClassificationRequest,
        None,
        answer_classify,
        "Classify",
        "classify",
        runs=True,
    ),
    Method(f"{_PREDICTION}/Regress", protos.RegressionRequest, None, answer_regress, "Regress", "regress", runs=True),
    Method(
        f"{_PREDICTION}/MultiInference",
        protos.MultiInferenceRequest,
        None,
        answer_multi_inference,
        None,
        "multi_inference",
        runs=True,
    ),
    Method(f"{_PREDICTION}/GetModelMetadata", protos.GetModelMetadataRequest, answer_metadata, label="metadata"),
    Method(f"{_MODELS}/GetModelStatus", protos.GetModelStatusRequest, answer_status, label="status", prompt=True),
    Method(
        f"{_MODELS}/HandleReloadConfigRequest", protos.ReloadConfigRequest, answer_reload, label="reload", waits=True
    ),
    Method(f"{_CATALOG}/ListModels", protos.ListModelsRequest, answer_list, label="models"),
)
HEALTH_CALLS = _by_name(Method(f"{_HEALTH}/Check", protos.HealthCheckRequest, answer_check, prompt=True))
