"""`tensorflow_serving.apis.predict_pb2`: request and response of Predict."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/predict.proto")
PredictRequest: Any = message("tensorflow.serving.PredictRequest")
PredictResponse: Any = message("tensorflow.serving.PredictResponse")
PredictStreamedOptions: Any = message("tensorflow.serving.PredictStreamedOptions")
