"""`tensorflow_serving.apis.classification_pb2`: request and response of Classify."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/classification.proto")
Class: Any = message("tensorflow.serving.Class")
ClassificationRequest: Any = message("tensorflow.serving.ClassificationRequest")
ClassificationResponse: Any = message("tensorflow.serving.ClassificationResponse")
ClassificationResult: Any = message("tensorflow.serving.ClassificationResult")
Classifications: Any = message("tensorflow.serving.Classifications")
