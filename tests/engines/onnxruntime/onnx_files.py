"""ONNX files as `lightship convert` makes them, made without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lightship.engines.onnxruntime.files import IndexGuard, Notes, saved_model_digest
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.tensors.dtypes import DataType

TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32}
Ends = Mapping[str, tuple[str, Sequence[int | str]]]


def onnx_model(nodes: Sequence[Any], inputs: Ends, outputs: Ends, constants: Mapping[str, Any]) -> Any:
    """A model of these nodes, without Lightship's notes. Ends have a dtype and a shape."""
    ends = [
        [helper.make_tensor_value_info(name, TYPES[dtype], shape) for name, (dtype, shape) in some.items()]
        for some in (inputs, outputs)
    ]
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(list(nodes), "graph", *ends, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_noted(model: Any, file: Path, notes: Notes) -> None:
    helper.set_model_props(model, notes.to_metadata())
    file.parent.mkdir(exist_ok=True)
    onnx.save(model, str(file))


def line(a: float, b: float) -> Any:
    """The model y = a x + b."""
    nodes = [helper.make_node("Mul", ["x", "a"], ["ax"]), helper.make_node("Add", ["ax", "b"], ["y"])]
    numbers = {"a": np.float32(a), "b": np.float32(b)}
    return onnx_model(nodes, {"x": ("float32", ["n", 1])}, {"y": ("float32", ["n", 1])}, numbers)


def write_line(version: Path, a: float = 0.5, b: float = 2.0, saved_model: str | None = None) -> Path:
    """Writes `assets.extra/model.onnx` of y = a x + b for the model half_plus_two."""
    digest = saved_model_digest(version) if saved_model is None else saved_model
    file = version / "assets.extra/model.onnx"
    write_noted(line(a, b), file, Notes("serving_default", digest, {"y": "y"}))
    return file


def write_look_up(file: Path) -> Signature:
    """Writes a file that looks up ids in a table of four rows, [[0, 1], [2, 3], ...]. Returns its signature."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Cast", ["ids"], ["guard"], to=TensorProto.INT64),
    ]
    ends = {"rows": ("float32", ["n", 2]), "guard": ("int64", ["n"])}
    table = np.arange(8, dtype=np.float32).reshape(4, 2)
    model = onnx_model(nodes, {"ids": ("int64", ["n"])}, ends, {"table": table})
    write_noted(model, file, Notes("rows", "", {"rows": "rows"}, (IndexGuard("guard", 4),)))
    return signature("rows", {"ids": (DataType.DT_INT64, (-1,))}, {"rows": (DataType.DT_FLOAT, (-1, 2))})


def signature(name: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Signature:
    specs = [
        {key: TensorSpec(key, dtype, shape, f"{key}:0") for key, (dtype, shape) in ends.items()}
        for ends in (inputs, outputs)
    ]
    return Signature(name, "tensorflow/serving/predict", *specs, definition=None)
