"""`tensorflow_serving.apis.session_service_pb2`: request and response of SessionRun, which no server answers."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/session_service.proto")
SessionRunRequest: Any = message("tensorflow.serving.SessionRunRequest")
SessionRunResponse: Any = message("tensorflow.serving.SessionRunResponse")
