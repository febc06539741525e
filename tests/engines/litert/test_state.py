"""Operations that remember something from one run to the next begin anew with each call."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engines.litert.conftest import Open

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")


def running_sum() -> bytes:
    """A recurrent layer of one unit that adds up two numbers, h = x + h; its state is a variable tensor."""
    import flatbuffers

    model = schema.ModelT()
    model.version = 3
    buffers = [b"", np.ones(1, np.float32).tobytes(), np.zeros(1, np.float32).tobytes()]
    model.buffers = [_buffer(data) for data in buffers]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_RNN
    code.version = 1
    model.operatorCodes = [code]
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor("x", [1, 2, 1]),
        _tensor("weights", [1, 1], buffer=1),
        _tensor("recurrent", [1, 1], buffer=1),
        _tensor("bias", [1], buffer=2),
        _tensor("state", [1, 1], variable=True),
        _tensor("y", [1, 2, 1]),
    ]
    graph.inputs, graph.outputs = [0], [5]
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1, 2, 3, 4], [5]
    operator.builtinOptionsType = schema.BuiltinOptions.SequenceRNNOptions
    operator.builtinOptions = schema.SequenceRNNOptionsT()
    graph.operators = [operator]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _buffer(data: bytes) -> object:
    buffer = schema.BufferT()
    buffer.data = list(data) or None
    return buffer


def _tensor(name: str, shape: list[int], *, buffer: int = 0, variable: bool = False) -> object:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = name, shape, schema.TensorType.FLOAT32
    tensor.buffer, tensor.isVariable = buffer, variable
    return tensor


def test_each_call_begins_anew(opened: Open) -> None:
    engine = opened(running_sum(), tflite_interpreters=1)
    x = np.array([1, 2], np.float32).reshape(1, 2, 1)
    for _ in range(3):
        assert engine.run("serving_default", {"x": x})["y"].ravel().tolist() == [1.0, 3.0]


def test_so_does_each_row(opened: Open) -> None:
    engine = opened(running_sum(), tflite_interpreters=1)
    x = np.array([1, 2, 5, 6], np.float32).reshape(2, 2, 1)
    assert engine.run("serving_default", {"x": x})["y"].ravel().tolist() == [1.0, 3.0, 5.0, 11.0]
