"""`tensorflow.core.framework.tensor_shape_pb2`: shapes of tensors."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow/core/framework/tensor.proto")
TensorShapeProto: Any = message("tensorflow.TensorShapeProto")
