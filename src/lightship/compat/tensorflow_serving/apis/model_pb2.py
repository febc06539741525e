"""`tensorflow_serving.apis.model_pb2`: the model, version and signature of a request."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/model.proto")
ModelSpec: Any = message("tensorflow.serving.ModelSpec")
