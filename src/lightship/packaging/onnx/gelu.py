"""Converts `tf.nn.gelu`, in which tf2onnx does not know the operation Erfc. Imports tf2onnx."""

from __future__ import annotations

from typing import Any

import numpy as np
from tf2onnx.handler import tf_op
from tf2onnx.utils import map_onnx_to_numpy_type


@tf_op("Erfc")
class Erfc:
    """Writes erfc(-x) as 1 + erf(x), of which onnxruntime makes one operation with the rest of gelu.

    Where erfc is small, the sum has few right digits. In gelu that does not matter, because x alone is multiplied by
    it. Anything else, such as exp(x * x) * erfc(x), is left as it is, so that the signature is not converted.
    """

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        scaled = _scaled(node.inputs[0])
        if scaled is None or not all(_multiplies(one, node, scaled[0]) for one in _users(ctx, node)):
            return
        dtype, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])

        def add(kind: str, *inputs: str, **given: Any) -> str:
            made: str = ctx.make_node(kind, list(inputs), shapes=[shape], dtypes=[dtype], **given).output[0]
            return made

        def constant(name: str, value: Any) -> str:
            array = np.asarray(value, map_onnx_to_numpy_type(dtype))
            made: str = ctx.make_const(f"{node.name}/{name}", array).output[0]
            return made

        erf = add("Erf", add("Div", scaled[0], constant("divisor", 1 / scaled[1])))
        ctx.remove_node(node.name)
        add("Add", erf, constant("one", 1), outputs=list(node.output), name=node.name)


def _scaled(node: Any) -> tuple[str, Any] | None:
    """Returns x and the factor of -x * factor, as in gelu."""
    if node.type == "Mul" and node.inputs[0].type == "Neg" and node.inputs[1].is_const():
        return node.inputs[0].input[0], node.inputs[1].get_tensor_value(as_list=False)
    return None


def _users(ctx: Any, node: Any) -> list[Any]:
    """Returns what takes the output of a node; the node itself, too, if that is an output of the graph."""
    (output,) = node.output
    return [*ctx.find_output_consumers(output), *([node] if output in ctx.outputs else [])]


def _multiplies(user: Any, erfc: Any, x: str) -> bool:
    """Returns whether a node is (x * constant) * erfc."""
    others = [one for one in user.inputs if one is not erfc]
    return (
        user.type == "Mul"
        and len(others) == 1
        and others[0].type == "Mul"
        and x in others[0].input
        and any(one.is_const() for one in others[0].inputs)
    )
