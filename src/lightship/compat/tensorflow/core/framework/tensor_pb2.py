"""`tensorflow.core.framework.tensor_pb2`: tensors on the wire."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow/core/framework/tensor.proto")
TensorProto: Any = message("tensorflow.TensorProto")
