"""`tensorflow_serving.apis.get_model_metadata_pb2`: request and response of GetModelMetadata."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/get_model_metadata.proto")
GetModelMetadataRequest: Any = message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse: Any = message("tensorflow.serving.GetModelMetadataResponse")
SignatureDefMap: Any = message("tensorflow.serving.SignatureDefMap")
