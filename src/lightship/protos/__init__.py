"""TensorFlow's and TensorFlow Serving's messages, in a descriptor pool of our own.

The wire is theirs (same packages, field numbers, types). A private pool keeps them from clashing with files of the
same messages that TensorFlow or `tensorflow-serving-api` register in the default pool of the same process.
"""

from lightship.protos._pool import message

Example = message("tensorflow.Example")
SignatureDef = message("tensorflow.SignatureDef")
SavedModel = message("tensorflow.SavedModel")
TensorProto = message("tensorflow.TensorProto")
SignatureDefMap = message("tensorflow.serving.SignatureDefMap")
PredictRequest = message("tensorflow.serving.PredictRequest")
PredictionLog = message("tensorflow.serving.PredictionLog")
ModelServerConfig = message("tensorflow.serving.ModelServerConfig")
MonitoringConfig = message("tensorflow.serving.MonitoringConfig")
BatchingParameters = message("tensorflow.serving.BatchingParameters")
SSLConfig = message("tensorflow.serving.SSLConfig")

__all__ = [
    "BatchingParameters",
    "Example",
    "ModelServerConfig",
    "MonitoringConfig",
    "PredictRequest",
    "PredictionLog",
    "SSLConfig",
    "SavedModel",
    "SignatureDef",
    "SignatureDefMap",
    "TensorProto",
]
