"""Proves from a graph that TensorFlow refuses inputs of some shapes, without running it.

TensorFlow does not enforce the shapes that a signature declares: only an operation refuses a shape. A few operations
whose rules are known are looked at, near the inputs, where wrong shapes are noticed. What is not understood is taken as
not refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lightship.saved_model.graph_constants import CALLS, Body, operands
from lightship.saved_model.signatures import Signature

Shape = tuple[int, ...]

# How far back from an operation its operands' shapes are looked for, and through how many calls and copies.
_MAX_DEPTH = 48
# The most nodes that are looked at.
_MAX_NODES = 200_000

# Operations whose output has the shape of their first operand.
_SAME_SHAPE = frozenset(
    {
        *("Abs", "Cast", "CheckNumerics", "Elu", "Exp", "LeakyRelu", "Log", "Neg", "PreventGradient", "Relu", "Relu6"),
        *("Rsqrt", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Square", "StopGradient", "Tanh"),
    }
)
_BROADCASTING = frozenset({"Add", "AddV2", "Maximum", "Minimum", "Mul", "RealDiv", "SquaredDifference", "Sub"})
_POOLING = frozenset({"AvgPool", "MaxPool"})
_REDUCING = frozenset({"Max", "Mean", "Min", "Prod", "Sum"})
# Other operations that need all their operands, whatever the values. TensorFlow may know the results of further ones
# before it runs, such as those of Shape, ZerosLike, Select and Pow, or choose between their operands, such as Merge or
# StridedSlice of Pack; then it does not compute all of them.
_NEEDING_ALL = frozenset(
    {
        *("ArgMax", "ConcatV2", "ExpandDims", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "LogSoftmax"),
        *("Softmax", "Squeeze", "TopKV2"),
    }
)


def surely_refuses(graph: Any, signature: Signature, shapes: Mapping[str, Shape]) -> bool:
    """Returns whether TensorFlow refuses a call of a signature with inputs of these shapes, whatever their values.

    graph: the `tensorflow.GraphDef` of the signature. shapes: by the names of the signature's inputs. False means that
    it accepts them, or that this is not known. Every output must need an operation that refuses, because a client may
    ask for any of them.
    """
    look = _Look(graph, {spec.tensor: shapes[name] for name, spec in signature.inputs.items()})
    return bool(signature.outputs) and all(look.refuses(spec.tensor) for spec in signature.outputs.values())


class _Look:
    """The operations of a graph and of the functions that it calls, and the shapes of their operands."""

    def __init__(self, graph: Any, fed: Mapping[str, Shape]) -> None:
        self._functions = {function.signature.name: function for function in graph.library.function}
        self._main = Body({node.name: node for node in graph.node})
        self._fed = fed
        self._called: dict[tuple[int, str], tuple[Body, Mapping[str, str]]] = {}
        self._shapes: dict[tuple[int, str], Shape | None] = {}
        self._refusing: dict[tuple[int, str], bool] = {}

    def refuses(self, output: str) -> bool:
        """Returns whether an operation that is computed for this output of the graph refuses its operands."""
        return any(self._refuses(node, body) for node, body in self._computed(output))

    def _computed(self, output: str) -> Iterator[tuple[Any, Body]]:
        """Yields nodes that are computed for an output, whatever the values and whatever TensorFlow optimizes."""
        waiting, seen = [(output, self._main, "")], set[tuple[int, str]]()
        while waiting and len(seen) < _MAX_NODES:
            wanted, where, user = waiting.pop()
            found = self._source(wanted, where)
            if found is None:
                continue
            tensor, node, body = found
            if (id(body), node.name) in seen and node.op not in CALLS:
                continue
            seen.add((id(body), node.name))
            returned = self._returned(tensor, node, body)
            if returned is not None:
                waiting.append((*returned, user))
            else:
                if node.op != "Reshape" or user in _KEEPING_RESHAPE:
                    yield node, body
                if _needs_all(node):
                    waiting += ((operand, body, node.op) for operand in operands(node))

    def _source(self, tensor: str, body: Body) -> tuple[str, Any, Body] | None:
        """Returns the tensor that a tensor is a copy of, the node that computes it, and the node's body.

        Returns None if it is fed, or if an unknown caller passes it.
        """
        for _ in range(_MAX_DEPTH):
            if self._fed_shape(tensor, body) is not None:
                return None
            name = tensor.partition(":")[0]
            node = body.nodes.get(name)
            if node is not None and node.op != "Identity":
                return tensor, node, body
            if node is not None:
                tensor = node.input[0]
            elif name in body.arguments:
                tensor, body = body.arguments[name]
            else:
                return None
        return None

    def _fed_shape(self, tensor: str, body: Body) -> Shape | None:
        return self._fed.get(tensor if ":" in tensor else f"{tensor}:0") if body is self._main else None

    def _returned(self, tensor: str, node: Any, body: Body) -> tuple[str, Body] | None:
        """Returns the tensor of a function that a call returns as `tensor`, with the function's body."""
        function = self._functions.get(node.attr["f"].func.name) if node.op in CALLS else None
        if function is None:
            return None
        key = id(body), node.name
        if key not in self._called:
            parameters = (argument.name for argument in function.signature.input_arg)
            self._called[key] = body.called(node, parameters, function.node_def), function.ret
        callee, returned = self._called[key]
        last = tensor.rpartition(":")[2]
        index = int(last) if ":" in tensor and last.isdecimal() else 0
        names = [argument.name for argument in function.signature.output_arg]
        return (returned[names[index]], callee) if index < len(names) else None

    def _shape(self, tensor: str, body: Body, depth: int = 0) -> Shape | None:
        """Returns the shape of a tensor, and None if it is not known."""
        key = id(body), tensor
        if key not in self._shapes:
            self._shapes[key] = None if depth > _MAX_DEPTH else self._find_shape(tensor, body, depth + 1)
        return self._shapes[key]

    def _find_shape(self, tensor: str, body: Body, depth: int) -> Shape | None:
        fed = self._fed_shape(tensor, body)
        if fed is not None:
            return fed
        name = tensor.partition(":")[0]
        if name not in body.nodes:
            return self._shape(*body.arguments[name], depth) if name in body.arguments else None
        node = body.nodes[name]
        if node.op == "Identity":
            return self._shape(node.input[0], body, depth)
        returned = self._returned(tensor, node, body)
        if returned is not None:
            return self._shape(*returned, depth)
        given = list(operands(node))
        if not given or node.op == "ReadVariableOp":
            return body.shape(tensor)
        return self._computed_shape(node, body, given, depth)

    def _computed_shape(self, node: Any, body: Body, given: list[str], depth: int) -> Shape | None:
        known = node.op in _SAME_SHAPE or node.op in _BROADCASTING or node.op in _RULES or node.op == "Transpose"
        first = self._shape(given[0], body, depth) if known else None
        if first is None:
            return None
        if node.op in _SAME_SHAPE or node.op == "BiasAdd":
            return first
        if node.op in _BROADCASTING:
            second = self._shape(given[1], body, depth)
            return None if second is None else _broadcast(first, second)
        values = body.value(given[1]) if len(given) > 1 else None
        if values is None:
            return None
        if node.op == "Reshape":
            return _reshaped(first, tuple(values.ravel().tolist()))
        if node.op == "Transpose":
            order = values.ravel().tolist()
            return tuple(first[axis] for axis in order) if sorted(order) == list(range(len(first))) else None
        if node.op in _REDUCING:
            return _reduced(first, values.ravel().tolist(), node.attr["keep_dims"].b)
        if node.op in ("Pad", "PadV2") and values.shape == (len(first), 2):
            return tuple(size + int(added) for size, added in zip(first, values.sum(axis=1), strict=True))
        return None

    def _refuses(self, node: Any, body: Body) -> bool:
        """Returns whether an operation refuses operands of their shapes."""
        key = id(body), node.name
        if key not in self._refusing:
            self._refusing[key] = self._breaks_rule(node, body)
        return self._refusing[key]

    def _breaks_rule(self, node: Any, body: Body) -> bool:
        given = list(operands(node))
        if node.op in _BROADCASTING:
            first, second = (self._shape(one, body) for one in given[:2])
            return first is not None and second is not None and _broadcast(first, second) is None
        rule = _RULES.get(node.op)
        first = self._shape(given[0], body) if rule is not None and given else None
        if rule is None or first is None:
            return False
        return rule(node, first, self._shape(given[1], body) if len(given) > 1 else None, body, given)


def _broadcast(first: Shape, second: Shape) -> Shape | None:
    """Returns the shape that two shapes are repeated to, or None if they do not go together."""
    rank = max(len(first), len(second))
    pairs = zip((1,) * (rank - len(first)) + first, (1,) * (rank - len(second)) + second, strict=True)
    sizes = [a if b == 1 else b if a in (1, b) else -1 for a, b in pairs]
    return None if -1 in sizes else tuple(sizes)


def _reshaped(shape: Shape, target: Shape) -> Shape | None:
    """Returns the shape that Reshape gives, or None if the sizes do not go together or that is not known."""
    known = math.prod(size for size in target if size != -1)
    if target.count(-1) > 1 or min(target, default=0) < -1 or known == 0:
        return None
    total = math.prod(shape)
    if -1 not in target:
        return target if total == known else None
    return tuple(total // known if size == -1 else size for size in target) if total % known == 0 else None


def _reduced(shape: Shape, axes: list[int], keep: bool) -> Shape | None:
    """Returns the shape that is left of a shape without some axes, or None if there are no such axes."""
    rank = len(shape)
    if not all(-rank <= axis < rank for axis in axes):
        return None
    gone = {axis % rank for axis in axes}
    return tuple(1 if axis in gone else size for axis, size in enumerate(shape) if keep or axis not in gone)


# The rules get a node, the shape of its first operand, that of its second one if it is known, the node's body, and the
# names of the operands. They return whether the node refuses these shapes.
_Rule = Callable[[Any, Shape, Shape | None, Body, list[str]], bool]


def _matrix_product(node: Any, first: Shape, second: Shape | None, body: Body, given: list[str]) -> bool:
    if node.op == "MatMul" and len(first) != 2:
        return True
    if len(first) < 2:
        return True
    if second is None or len(second) < 2:
        return False
    left, right = ("transpose_a", "transpose_b") if node.op == "MatMul" else ("adj_x", "adj_y")
    return first[-2 if node.attr[left].b else -1] != second[-1 if node.attr[right].b else -2]


def _convolution(node: Any, first: Shape, second: Shape | None, body: Body, given: list[str]) -> bool:
    if len(first) != 4:
        return True
    if second is None or len(second) != 4 or not second[2]:
        return False
    channels = first[3] if _channels_last(node) else first[1]
    grouped = node.op == "Conv2D"  # a convolution of groups takes a multiple of the channels of its filter
    return bool(channels % second[2]) if grouped else channels != second[2]


def _pooling(node: Any, first: Shape, second: Shape | None, body: Body, given: list[str]) -> bool:
    return len(first) != 4


def _bias(node: Any, first: Shape, second: Shape | None, body: Body, given: list[str]) -> bool:
    if len(first) < 2:
        return True
    return _channels_last(node) and second is not None and second != first[-1:]


def _reshape(node: Any, first: Shape, second: Shape | None, body: Body, given: list[str]) -> bool:
    target = body.value(given[1])
    if target is None:
        return False
    sizes = tuple(target.ravel().tolist())
    known = math.prod(size for size in sizes if size != -1)
    invalid = sizes.count(-1) > 1 or min(sizes, default=0) < -1 or not known
    return not invalid and _reshaped(first, sizes) is None


def _padding(node: Any, first: Shape, second: Shape | None, body: Body, given: list[str]) -> bool:
    added = body.value(given[1])
    pads = added is not None and bool(added.any())  # TensorFlow leaves out one that adds nothing
    return pads and bool(first) and second is not None and second != (len(first), 2)


def _reduction(node: Any, first: Shape, second: Shape | None, body: Body, given: list[str]) -> bool:
    axes = body.value(given[1])
    return axes is not None and _reduced(first, axes.ravel().tolist(), keep=False) is None


def _channels_last(node: Any) -> bool:
    return node.attr["data_format"].s in (b"", b"NHWC")


_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(("BatchMatMulV2", "MatMul"), _matrix_product),
    **dict.fromkeys(("Conv2D", "DepthwiseConv2dNative"), _convolution),
    **dict.fromkeys(_POOLING, _pooling),
    **dict.fromkeys(("Pad", "PadV2"), _padding),
    **dict.fromkeys(_REDUCING, _reduction),
    "BiasAdd": _bias,
    "Reshape": _reshape,
}

# TensorFlow leaves out a Reshape whose result is only reshaped again, also if there are operations in between that are
# simple or change nothing. It keeps one that these use, and one whose result is the answer ("").
_KEEPING_RESHAPE = frozenset({"BatchMatMulV2", "Conv2D", "DepthwiseConv2dNative", "MatMul", "", *_POOLING})
_NEEDED = _SAME_SHAPE | _BROADCASTING | _NEEDING_ALL | _RULES.keys() | {"Transpose"}


def _needs_all(node: Any) -> bool:
    """Returns whether an operation needs all its operands, whatever their values. `x - x` may not need x."""
    given = list(operands(node))
    return node.op in _NEEDED and len(set(given)) == len(given)
