"""Which graphs may work on a client's values on onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
from onnx import TensorProto, helper
from tests.engines.onnxruntime.onnx_files import onnx_model

from lightship.packaging.onnx.hazards import add_guards
from lightship.packaging.onnx.not_convertible import NotConvertible

FLOATS = {"x": ("float32", ["n", 3])}
INTEGERS = {"x": ("int64", ["n"])}


def model(inputs: Any, nodes: Sequence[Any], **constants: Any) -> Any:
    return onnx_model(nodes, inputs, {"y": ("float32", ["n"])}, constants)


def node(kind: str, *inputs: str, **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), ["y"], name="here", **attributes)


def test_layers_need_no_guard() -> None:
    graph = model(FLOATS, [node("Gemm", "x", "w")], w=np.ones((3, 2), np.float32))
    assert add_guards(graph) == ()
    assert [one.name for one in graph.graph.output] == ["y"]


def test_indices_of_a_client_become_an_output() -> None:
    graph = model(INTEGERS, [node("Gather", "table", "x", axis=1)], table=np.ones((2, 5), np.float32))
    (guard,) = add_guards(graph)
    assert guard.size == 5
    assert [one.name for one in graph.graph.output] == ["y", guard.output]


def test_indices_that_come_from_a_clients_values_are_guarded_too() -> None:
    nodes = [helper.make_node("ArgMax", ["x"], ["best"], axis=1, keepdims=0), node("Gather", "table", "best")]
    (guard,) = add_guards(model(FLOATS, nodes, table=np.ones((4, 2), np.float32)))
    assert guard.size == 4


def test_an_operation_that_was_not_converted_is_named() -> None:
    with pytest.raises(NotConvertible, match=r"tf2onnx does not convert the operation Erfc \(here\)"):
        add_guards(model(FLOATS, [node("Erfc", "x")]))


def test_sizes_that_depend_on_shapes_only_are_harmless() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["rows"]),
        helper.make_node("Div", ["rows", "two"], ["half"]),
        node("Expand", "one", "half"),
    ]
    constants = {"zero": np.array([0]), "two": np.array([2]), "one": np.ones(1, np.float32)}
    assert add_guards(model(FLOATS, nodes, **constants)) == ()


@pytest.mark.parametrize(
    ("inputs", "made", "constants", "reason"),
    [
        # Such a division of the least integer by -1 ends the process.
        (INTEGERS, node("Div", "seven", "x"), {"seven": np.array([7])}, "divides integers by a client's values"),
        (INTEGERS, node("Div", "x", "c"), {"c": np.array([-1])}, "by -1"),
        (INTEGERS, node("Mod", "x", "c"), {"c": np.array([5, 0])}, "by 0"),
        (INTEGERS, node("Tile", "one", "x"), {"one": np.ones(1, np.float32)}, "takes a size from a client's values"),
        (INTEGERS, node("Slice", "one", "x", "x"), {"one": np.ones(1, np.float32)}, "takes a size"),
        (INTEGERS, node("GatherND", "one", "x"), {"one": np.ones(1, np.float32)}, "GatherND (here) is not known"),
        (INTEGERS, node("ReverseSequence", "table", "x"), {"table": np.ones((3, 2))}, "takes a size from a client"),
        (INTEGERS, node("ConstantOfShape", "x"), {}, "ConstantOfShape (here) is not known to be harmless"),
        (FLOATS, node("Cast", "x", to=TensorProto.INT64), {}, "makes integers of a client's floats"),
        (FLOATS, node("Anything", "x", domain="com.example"), {}, "Anything of com.example is not known"),
    ],
)
def test_what_could_do_harm_is_refused(inputs: Any, made: Any, constants: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(NotConvertible) as raised:
        add_guards(model(inputs, [made], **constants))
    assert reason in raised.value.reason


@pytest.mark.parametrize("divisor", [3, -2])
def test_integers_may_be_divided_by_other_constants(divisor: int) -> None:
    assert add_guards(model(INTEGERS, [node("Div", "x", "c")], c=np.array([divisor]))) == ()


def test_indices_of_a_tensor_of_unknown_size_are_refused() -> None:
    ends = {"x": ("int64", ["n"]), "table": ("float32", ["k", 2])}
    with pytest.raises(NotConvertible, match="indexes a tensor whose size is not fixed"):
        add_guards(model(ends, [node("Gather", "table", "x")]))
