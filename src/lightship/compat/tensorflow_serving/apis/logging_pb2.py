"""`tensorflow_serving.apis.logging_pb2`: what a log records of a call."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/logging.proto")
LogMetadata: Any = message("tensorflow.serving.LogMetadata")
