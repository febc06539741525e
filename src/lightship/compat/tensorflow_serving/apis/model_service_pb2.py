"""`tensorflow_serving.apis.model_service_pb2`: the service of models' states."""

from lightship.compat.described import file

DESCRIPTOR = file("tensorflow_serving/apis/model_service.proto")
