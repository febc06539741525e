"""`tensorflow.core.example.example_pb2`: examples."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow/core/example/example.proto")
Example: Any = message("tensorflow.Example")
