"""The methods that are attacked."""

from __future__ import annotations

from typing import Any, NamedTuple

from lightship import protos


class Method(NamedTuple):
    path: str
    request: Any
    response: Any


PREDICTION, MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
PREDICT = Method(f"{PREDICTION}/Predict", protos.PredictRequest, protos.PredictResponse)
CLASSIFY = Method(f"{PREDICTION}/Classify", protos.ClassificationRequest, protos.ClassificationResponse)
REGRESS = Method(f"{PREDICTION}/Regress", protos.RegressionRequest, protos.RegressionResponse)
MULTI = Method(f"{PREDICTION}/MultiInference", protos.MultiInferenceRequest, protos.MultiInferenceResponse)
METADATA = Method(f"{PREDICTION}/GetModelMetadata", protos.GetModelMetadataRequest, protos.GetModelMetadataResponse)
STATUS = Method(f"{MODELS}/GetModelStatus", protos.GetModelStatusRequest, protos.GetModelStatusResponse)
RELOAD = Method(f"{MODELS}/HandleReloadConfigRequest", protos.ReloadConfigRequest, protos.ReloadConfigResponse)
CHECK = Method("/grpc.health.v1.Health/Check", protos.HealthCheckRequest, protos.HealthCheckResponse)
ASKING = (PREDICT, CLASSIFY, REGRESS, MULTI, METADATA, STATUS, CHECK)
BY_PATH = {method.path: method for method in (*ASKING, RELOAD)}
