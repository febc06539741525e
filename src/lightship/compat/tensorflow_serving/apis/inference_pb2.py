"""`tensorflow_serving.apis.inference_pb2`: request and response of MultiInference."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/inference.proto")
InferenceResult: Any = message("tensorflow.serving.InferenceResult")
InferenceTask: Any = message("tensorflow.serving.InferenceTask")
MultiInferenceRequest: Any = message("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse: Any = message("tensorflow.serving.MultiInferenceResponse")
