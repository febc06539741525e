"""`tensorflow_serving.apis.status_pb2`: a code and its text."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/status.proto")
StatusProto: Any = message("tensorflow.serving.StatusProto")
