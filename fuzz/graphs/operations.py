"""The operations that random graphs are made of, by what they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Make = Callable[[Any, Random, list[Any]], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """kinds: of the operands, "f" float32, "i" integers, "b" bools, "n" numbers, "*" any; one letter an operand.

    make: TensorFlow's module, a source of chance, and the operands to a tensor.
    """

    name: str
    kinds: str
    make: Make


def _unary(name: str, kinds: str, path: str) -> Operation:
    def make(tf: Any, random: Random, x: list[Any]) -> Any:
        function = tf
        for part in path.split("."):
            function = getattr(function, part)
        return function(*x)

    return Operation(name, kinds, make)


def _axis(random: Random, x: Any) -> int:
    rank = x.shape.rank
    return random.randrange(rank) if rank else 0


def _constant(tf: Any, random: Random, x: Any) -> Any:
    """A number of the tensor's type, often one at an edge."""
    if x.dtype.is_floating:
        return tf.constant(random.choice([0.0, 1.0, -1.0, 0.5, 2.0, 1e-3, 1e30]), x.dtype)
    return tf.constant(random.choice([0, 1, -1, 2, 7, 1000, 16777217]), x.dtype)


def _like(tf: Any, random: Random, x: list[Any]) -> Any:
    """The second operand in the first one's type, reduced to one number where the shapes do not go together."""
    a, b = x
    b = tf.cast(b, a.dtype)
    return b if a.shape.rank == b.shape.rank else tf.reduce_sum(b)


def _binary(name: str, kinds: str, path: str) -> Operation:
    def make(tf: Any, random: Random, x: list[Any]) -> Any:
        other = _constant(tf, random, x[0]) if random.random() < 0.5 else _like(tf, random, x)
        pair = [x[0], other]
        if random.random() < 0.2:
            pair.reverse()
        return _unary(name, kinds, path).make(tf, random, pair)

    return Operation(name, kinds, make)


def _reduced(name: str, kinds: str, path: str) -> Operation:
    def make(tf: Any, random: Random, x: list[Any]) -> Any:
        axis = _axis(random, x[0]) if random.random() < 0.8 else None
        return _unary(name, kinds, path).make(_With(tf, axis=axis, keepdims=random.random() < 0.3), random, x)

    return Operation(name, kinds, make)


class _With:
    """TensorFlow's module, whose functions get further arguments."""

    def __init__(self, tf: Any, **arguments: Any) -> None:
        self._tf, self._arguments = tf, arguments

    def __getattr__(self, name: str) -> Any:
        found, arguments = getattr(self._tf, name), self._arguments
        return (lambda *x: found(*x, **arguments)) if callable(found) else _With(found, **arguments)


def _table(tf: Any, random: Random) -> Any:
    rows, columns = random.choice([1, 3, 10]), random.choice([1, 4])
    return tf.reshape(tf.range(rows * columns, dtype=tf.float32) - 2.5, [rows, columns])


def _dense(tf: Any, random: Random, x: list[Any]) -> Any:
    columns = x[0].shape[-1] or 4
    weights = tf.reshape(tf.sin(tf.range(columns * 3, dtype=tf.float32)), [columns, 3])
    return tf.matmul(x[0], weights)


def _slice(tf: Any, random: Random, x: list[Any]) -> Any:
    first, last = random.choice([None, 0, 1, 2, -1, -2]), random.choice([None, 1, 2, 5, -1])
    return x[0][first : last : random.choice([None, 1, 2, -1])]


def _cast(tf: Any, random: Random, x: list[Any]) -> Any:
    return tf.cast(x[0], random.choice([tf.float32, tf.int32, tf.int64, tf.bool, tf.uint8, tf.int8]))


def _pad(tf: Any, random: Random, x: list[Any]) -> Any:
    amounts = [[random.choice([0, 0, 1, 2]), random.choice([0, 1])] for _ in range(x[0].shape.rank)]
    return tf.pad(x[0], amounts, random.choice(["CONSTANT", "REFLECT", "SYMMETRIC"]))


def _range_of(tf: Any, random: Random, x: list[Any]) -> Any:
    return tf.range(random.choice([0, 1, 3]), tf.shape(x[0])[0], random.choice([1, 2]))


def _bias_add(tf: Any, random: Random, x: list[Any]) -> Any:
    """Its size is that of the channels, unless nothing says how many there are."""
    channels = x[0].shape[-1] or 4
    bias = tf.constant([1.0, -2.0, 3.0, 0.5, 7.0][:channels] + [2.0] * (channels - 5))
    return tf.nn.bias_add(x[0], bias if random.random() < 0.7 else tf.reduce_mean(x[0], 0))


def _batch_norm(tf: Any, random: Random, x: list[Any]) -> Any:
    channels = x[0].shape[-1] or 4
    statistics = {name: tf.ones([channels]) * 2.0 for name in ("scale", "offset", "mean", "variance")}
    images = tf.reshape(x[0], [1, 1, -1, channels]) if random.random() < 0.5 else x[0][tf.newaxis, tf.newaxis]
    return tf.raw_ops.FusedBatchNormV3(x=images, **statistics, is_training=False).y


def _einsum(tf: Any, random: Random, x: list[Any]) -> Any:
    equation = {1: "a,a->a", 2: "ab,cb->ac", 3: "abc,acd->abd"}.get(x[0].shape.rank, "...a,...a->...")
    return tf.einsum(equation, x[0], x[1])


def _product(tf: Any, random: Random, x: list[Any]) -> Any:
    weights = tf.constant([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0], [1.0, 1.0, 1.0], [-2.0, 0.0, 3.0]])
    return random.choice([tf.raw_ops.MatMul, tf.linalg.matmul])(a=x[0], b=weights)


def _rolled(tf: Any, random: Random, x: list[Any]) -> Any:
    return tf.roll(x[0], random.choice([1, -2, 5]), _axis(random, x[0]))


_FLOAT_FUNCTIONS = (
    *("nn.relu", "nn.relu6", "nn.elu", "nn.selu", "nn.gelu", "nn.swish", "nn.softplus", "nn.softsign", "nn.softmax"),
    *(
        "nn.log_softmax",
        "nn.leaky_relu",
        "sigmoid",
        "tanh",
        "exp",
        "sqrt",
        "floor",
        "round",
        "sin",
        "cos",
        "tan",
        "asin",
    ),
    *("acos", "sinh", "cosh", "asinh", "acosh", "atanh", "atan", "math.log", "math.rsqrt", "math.erf", "math.erfc"),
    *("math.ceil", "math.is_nan", "math.is_inf", "math.reciprocal", "math.log1p", "math.expm1"),
)

OPERATIONS: tuple[Operation, ...] = (
    *(_unary(path.split(".")[-1], "f", path) for path in _FLOAT_FUNCTIONS),
    Operation("batch_norm", "f", _batch_norm),
    Operation("bias_add", "f", _bias_add),
    Operation("bias_add_after", "f", lambda tf, random, x: tf.nn.relu(_bias_add(tf, random, x) * 2.0)),
    Operation("einsum", "ff", _einsum),
    Operation("product", "f", _product),
    Operation("roll", "n", _rolled),
    *(_unary(name, "n", name) for name in ("abs", "sign", "negative", "square", "zeros_like", "ones_like", "sort")),
    *(
        _binary(path.split(".")[-1], "n*", path)
        for path in (
            *("add", "subtract", "multiply", "maximum", "minimum", "math.floordiv", "math.floormod", "equal", "less"),
            *("greater", "greater_equal", "not_equal", "math.squared_difference"),
        )
    ),
    *(_binary(path.split(".")[-1], "f*", path) for path in ("divide", "pow", "math.divide_no_nan", "math.atan2")),
    *(_reduced(name, "n", name) for name in ("reduce_max", "reduce_min", "reduce_sum", "reduce_prod")),
    _reduced("reduce_mean", "f", "reduce_mean"),
    *(_reduced(name, "b", name) for name in ("reduce_any", "reduce_all")),
    _unary("logical_not", "b", "logical_not"),
    Operation("argmax", "n", lambda tf, random, x: tf.argmax(x[0], _axis(random, x[0]))),
    Operation("cast", "*", _cast),
    Operation(
        "clip", "n", lambda tf, random, x: tf.clip_by_value(x[0], tf.cast(0, x[0].dtype), tf.cast(2, x[0].dtype))
    ),
    Operation("concat", "*", lambda tf, random, x: tf.concat([x[0], x[0]], _axis(random, x[0]))),
    Operation("cumsum", "n", lambda tf, random, x: tf.cumsum(x[0], _axis(random, x[0]))),
    Operation("dense", "f", _dense),
    Operation("expand", "*", lambda tf, random, x: tf.expand_dims(x[0], _axis(random, x[0]))),
    Operation("fill", "*", lambda tf, random, x: tf.fill([tf.shape(x[0])[0] - random.choice([0, 1])], 1.5)),
    Operation("gather", "i", lambda tf, random, x: tf.gather(_table(tf, random), x[0])),
    Operation(
        "gather_along", "fi", lambda tf, random, x: tf.gather(x[0], tf.reshape(x[1], [-1]), axis=_axis(random, x[0]))
    ),
    Operation("gather_cast", "f", lambda tf, random, x: tf.gather(_table(tf, random), tf.cast(x[0], tf.int32))),
    Operation("gather_modulo", "i", lambda tf, random, x: tf.gather(_table(tf, random), x[0] % random.choice([1, 3]))),
    Operation("gather_nd", "i", lambda tf, random, x: tf.gather_nd(_table(tf, random), tf.reshape(x[0], [-1, 1]))),
    Operation("one_hot", "i", lambda tf, random, x: tf.one_hot(x[0], 4)),
    Operation("pad", "n", _pad),
    Operation("range", "*", _range_of),
    Operation("reshape", "*", lambda tf, random, x: tf.reshape(x[0], random.choice([[-1], [-1, 2], [-1, 1, 2]]))),
    Operation("reverse", "n", lambda tf, random, x: tf.reverse(x[0], [_axis(random, x[0])])),
    Operation("select", "n", lambda tf, random, x: tf.where(x[0] > tf.cast(0, x[0].dtype), x[0], -x[0])),
    Operation("slice", "*", _slice),
    Operation("tile", "*", lambda tf, random, x: tf.tile(x[0], [random.choice([1, 2])] * x[0].shape.rank)),
    Operation("top_k", "f", lambda tf, random, x: random.choice(list(tf.math.top_k(x[0], random.choice([1, 2, 3]))))),
    Operation("transpose", "*", lambda tf, random, x: tf.transpose(x[0])),
    Operation("unpack", "*", lambda tf, random, x: x[0][random.choice([0, 1, -1])]),
)
