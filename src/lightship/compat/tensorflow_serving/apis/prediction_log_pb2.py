"""`tensorflow_serving.apis.prediction_log_pb2`: calls as a warm-up file holds them."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/prediction_log.proto")
ClassifyLog: Any = message("tensorflow.serving.ClassifyLog")
MultiInferenceLog: Any = message("tensorflow.serving.MultiInferenceLog")
PredictLog: Any = message("tensorflow.serving.PredictLog")
PredictStreamedLog: Any = message("tensorflow.serving.PredictStreamedLog")
PredictionLog: Any = message("tensorflow.serving.PredictionLog")
RegressLog: Any = message("tensorflow.serving.RegressLog")
SessionRunLog: Any = message("tensorflow.serving.SessionRunLog")
