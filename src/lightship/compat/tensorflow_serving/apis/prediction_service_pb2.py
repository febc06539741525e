"""`tensorflow_serving.apis.prediction_service_pb2`: the service of predictions."""

from lightship.compat.described import file

DESCRIPTOR = file("tensorflow_serving/apis/prediction_service.proto")
