"""The protobuf messages of TensorFlow and TensorFlow Serving, in a private descriptor pool.

Packages, field numbers and types are the same, so the encoding is the same. The pool is private because TensorFlow and
`tensorflow-serving-api` register the same messages in the default pool of the process, which would conflict.
"""

from lightship.protos._pool import POOL, message

BundleEntryProto = message("tensorflow.BundleEntryProto")
BundleHeaderProto = message("tensorflow.BundleHeaderProto")
Example = message("tensorflow.Example")
SavedModel = message("tensorflow.SavedModel")
SignatureDef = message("tensorflow.SignatureDef")
TensorProto = message("tensorflow.TensorProto")
SignatureDefMap = message("tensorflow.serving.SignatureDefMap")
PredictRequest = message("tensorflow.serving.PredictRequest")
PredictResponse = message("tensorflow.serving.PredictResponse")
ClassificationRequest = message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = message("tensorflow.serving.ClassificationResponse")
RegressionRequest = message("tensorflow.serving.RegressionRequest")
RegressionResponse = message("tensorflow.serving.RegressionResponse")
MultiInferenceRequest = message("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = message("tensorflow.serving.MultiInferenceResponse")
GetModelMetadataRequest = message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = message("tensorflow.serving.GetModelMetadataResponse")
GetModelStatusRequest = message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = message("tensorflow.serving.GetModelStatusResponse")
ReloadConfigRequest = message("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse = message("tensorflow.serving.ReloadConfigResponse")
PredictionLog = message("tensorflow.serving.PredictionLog")
ModelServerConfig = message("tensorflow.serving.ModelServerConfig")
MonitoringConfig = message("tensorflow.serving.MonitoringConfig")
BatchingParameters = message("tensorflow.serving.BatchingParameters")
SSLConfig = message("tensorflow.serving.SSLConfig")
ListModelsRequest = message("lightship.v1.ListModelsRequest")
ListModelsResponse = message("lightship.v1.ListModelsResponse")
HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse")
SavedModelText = message("lightship.text.SavedModel")

__all__ = [
    "POOL",
    "BatchingParameters",
    "BundleEntryProto",
    "BundleHeaderProto",
    "ClassificationRequest",
    "ClassificationResponse",
    "Example",
    "GetModelMetadataRequest",
    "GetModelMetadataResponse",
    "GetModelStatusRequest",
    "GetModelStatusResponse",
    "HealthCheckRequest",
    "HealthCheckResponse",
    "ListModelsRequest",
    "ListModelsResponse",
    "ModelServerConfig",
    "MonitoringConfig",
    "MultiInferenceRequest",
    "MultiInferenceResponse",
    "PredictRequest",
    "PredictResponse",
    "PredictionLog",
    "RegressionRequest",
    "RegressionResponse",
    "ReloadConfigRequest",
    "ReloadConfigResponse",
    "SSLConfig",
    "SavedModel",
    "SavedModelText",
    "SignatureDef",
    "SignatureDefMap",
    "TensorProto",
    "message",
]
