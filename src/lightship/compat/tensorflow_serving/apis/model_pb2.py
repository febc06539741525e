"""`tensorflow_serving.apis.model_pb2`: which model, version and signature a call means."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/model.proto")
ModelSpec: Any = message("tensorflow.serving.ModelSpec")
