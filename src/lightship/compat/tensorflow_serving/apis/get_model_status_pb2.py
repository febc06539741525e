"""`tensorflow_serving.apis.get_model_status_pb2`: request and response of GetModelStatus."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/get_model_status.proto")
GetModelStatusRequest: Any = message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse: Any = message("tensorflow.serving.GetModelStatusResponse")
ModelVersionStatus: Any = message("tensorflow.serving.ModelVersionStatus")
