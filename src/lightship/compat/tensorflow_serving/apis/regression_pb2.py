"""`tensorflow_serving.apis.regression_pb2`: request and response of Regress."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/regression.proto")
Regression: Any = message("tensorflow.serving.Regression")
RegressionRequest: Any = message("tensorflow.serving.RegressionRequest")
RegressionResponse: Any = message("tensorflow.serving.RegressionResponse")
RegressionResult: Any = message("tensorflow.serving.RegressionResult")
