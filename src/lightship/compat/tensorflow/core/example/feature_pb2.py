"""`tensorflow.core.example.feature_pb2`: features of examples."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow/core/example/example.proto")
BytesList: Any = message("tensorflow.BytesList")
Feature: Any = message("tensorflow.Feature")
Features: Any = message("tensorflow.Features")
FloatList: Any = message("tensorflow.FloatList")
Int64List: Any = message("tensorflow.Int64List")
