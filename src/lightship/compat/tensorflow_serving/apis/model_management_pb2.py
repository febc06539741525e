"""`tensorflow_serving.apis.model_management_pb2`: request and response of HandleReloadConfigRequest."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/model_management.proto")
Metric: Any = message("tensorflow.serving.Metric")
ReloadConfigRequest: Any = message("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse: Any = message("tensorflow.serving.ReloadConfigResponse")
