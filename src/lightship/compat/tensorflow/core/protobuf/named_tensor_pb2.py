"""`tensorflow.core.protobuf.named_tensor_pb2`: tensors with names."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow/core/protobuf/meta_graph.proto")
NamedTensorProto: Any = message("tensorflow.NamedTensorProto")
