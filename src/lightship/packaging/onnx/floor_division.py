"""Converts `//` of integers and `%`. tf2onnx rounds integers towards 0, where TensorFlow rounds down. Imports tf2onnx.

It also computes `%` of floats by way of the quotient, which has no right digits if the quotient is large.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from tf2onnx.handler import tf_op
from tf2onnx.onnx_opset import math
from tf2onnx.utils import map_onnx_to_numpy_type

_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16})
# Adds an operation to the graph and returns the name of its output.
_Add = Callable[..., str]


@tf_op("FloorMod")
class FloorMod:
    """Of integers, Mod has the sign of the divisor, as in TensorFlow. Of floats, it has that of the number."""

    @classmethod
    def version_10(cls, ctx: Any, node: Any, **_: Any) -> None:
        if ctx.get_dtype(node.output[0]) not in _FLOATS:
            node.type = "Mod"
            return
        (number, divisor), outputs, add = node.input, list(node.output), _adding_to(ctx, node)
        kind = map_onnx_to_numpy_type(ctx.get_dtype(number))
        zero = ctx.make_const(f"{node.name}/zero", np.zeros((), kind)).output[0]
        ctx.remove_node(node.name)
        remainder = add("Mod", number, divisor, attr={"fmod": 1})
        negative = [add("Less", one, zero, made=TensorProto.BOOL) for one in (remainder, divisor)]
        same = add("Equal", *negative, made=TensorProto.BOOL)
        none = add("Equal", remainder, zero, made=TensorProto.BOOL)
        right = add("Or", same, none, made=TensorProto.BOOL)
        add("Where", right, remainder, add("Add", remainder, divisor), outputs=outputs, name=node.name)


@tf_op("FloorDiv")
class FloorDiv:
    """Of integers, takes 1 from the quotient where Div has rounded it up: its remainder is not that of Mod there."""

    @classmethod
    def version_10(cls, ctx: Any, node: Any, **given: Any) -> None:
        dtype = ctx.get_dtype(node.output[0])
        if dtype in _FLOATS:
            math.FloorDiv.version_6(ctx, node, **given)
            return
        (number, divisor), outputs, add = node.input, list(node.output), _adding_to(ctx, node)
        ctx.remove_node(node.name)
        quotient = add("Div", number, divisor)
        remainder = add("Sub", number, add("Mul", quotient, divisor))
        exact = add("Equal", remainder, add("Mod", number, divisor), made=TensorProto.BOOL)
        rounded_up = add("Cast", add("Not", exact, made=TensorProto.BOOL), attr={"to": dtype})
        add("Sub", quotient, rounded_up, outputs=outputs, name=node.name)


def _adding_to(ctx: Any, node: Any) -> _Add:
    """Returns a function that adds operations whose outputs have the shape of the node's, and its type."""
    dtype, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])

    def add(kind: str, *inputs: str, made: int = dtype, **options: Any) -> str:
        output: str = ctx.make_node(kind, list(inputs), shapes=[shape], dtypes=[made], **options).output[0]
        return output

    return add
