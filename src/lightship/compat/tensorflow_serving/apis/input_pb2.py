"""`tensorflow_serving.apis.input_pb2`: the examples of Classify, Regress and MultiInference."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow_serving/apis/input.proto")
ExampleList: Any = message("tensorflow.serving.ExampleList")
ExampleListWithContext: Any = message("tensorflow.serving.ExampleListWithContext")
Input: Any = message("tensorflow.serving.Input")
