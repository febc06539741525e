"""`tensorflow.core.protobuf.meta_graph_pb2`: the parts of a SavedModel, signatures among them."""

from typing import Any

from lightship.compat.described import file, message

DESCRIPTOR = file("tensorflow/core/protobuf/meta_graph.proto")
MetaGraphDef: Any = message("tensorflow.MetaGraphDef")
SignatureDef: Any = message("tensorflow.SignatureDef")
TensorInfo: Any = message("tensorflow.TensorInfo")
