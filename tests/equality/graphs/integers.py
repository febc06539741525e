"""Integer arithmetic beyond 2^24 and 2^31, and division by zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.equality.ask import Ask, Call, ask, call, i32, i64, normal

ZERO = "ivision by zero"
# Beyond 2^24, where float32 has no room; int64 also beyond 2^31.
X32 = i32([123456789, 16777217, -16777217, 2147483647, -2147483647, 0, 7, -7])
Y32 = i32([1000, 16777216, 3, 2147483646, -2147483646, 5, -3, 3])
X64 = i64([1700000000123, 16777217, -16777217, 9007199254740993, -9007199254740993, 0, 7, -7])
Y64 = i64([3600, 16777216, 3, 9007199254740992, 4294967297, 5, -3, 3])

TWO: dict[str, Callable[..., Any]] = {
    "mod": lambda tf, x, y: x % y,
    "floordiv": lambda tf, x, y: x // y,
    "truncatediv": lambda tf, x, y: tf.truncatediv(x, y),
    "equal": lambda tf, x, y: tf.equal(x, y),
    "not_equal": lambda tf, x, y: tf.not_equal(x, y),
    "less": lambda tf, x, y: x < y,
    "greater_equal": lambda tf, x, y: x >= y,
    "add": lambda tf, x, y: x + y,
    "subtract": lambda tf, x, y: x - y,
    "multiply": lambda tf, x, y: x * y,
    "maximum": lambda tf, x, y: tf.maximum(x, y),
    "minimum": lambda tf, x, y: tf.minimum(x, y),
    "squared_difference": lambda tf, x, y: tf.math.squared_difference(x, y),
}
# TensorFlow has another text for the division of C.
DIVISIONS = {"mod": ZERO, "floordiv": ZERO, "truncatediv": "only integer div and mod should have errors"}

ONE: dict[str, Callable[..., Any]] = {
    "reduce_min": lambda tf, x: tf.reduce_min(x, 1),
    "reduce_max": lambda tf, x: tf.reduce_max(x, 1),
    "reduce_sum": lambda tf, x: tf.reduce_sum(x, 1),
    "clip": lambda tf, x: tf.clip_by_value(x, -16777217, 123456789),
    "reverse": lambda tf, x: tf.reverse(x, [1]),
    "pad": lambda tf, x: tf.pad(x, [[0, 0], [1, 2]], constant_values=16777217),
    "matmul": lambda tf, x: tf.matmul(x, tf.constant([[1, 2], [3, 1], [1, 0], [0, 1]], x.dtype)),
    "cumsum": lambda tf, x: tf.cumsum(x, 1),
    "abs": lambda tf, x: tf.abs(x),
    "sign": lambda tf, x: tf.sign(x),
    "pow": lambda tf, x: tf.pow(x, tf.constant(3, x.dtype)),
    "square": lambda tf, x: tf.square(x),
    "sort": lambda tf, x: tf.sort(x, 1),
    "argmax": lambda tf, x: tf.argmax(x, 1),
    "transpose": lambda tf, x: tf.transpose(x),
    "to_float": lambda tf, x: tf.cast(x, tf.float32),
}
MATRIX32 = i32([[16777217, 16777216, -3, 5], [-2147483647, 123456789, 16777219, 7], [2147483647, 1, 1, 0]])
MATRIX64 = i64([[9007199254740993, 9007199254740992, -3, 5], [-4294967297, 123456789, 16777219, 7], [1, 2, 3, 4]])


def _pairs(name: str, x: Any, y: Any) -> list[Call]:
    calls = [call(x=x[:1], y=y[:1]), call(x=x, y=y), call(x=x, y=x), call(x=x[3:4], y=y[3:4])]
    if name in DIVISIONS:
        says = DIVISIONS[name]
        calls += [call(says, x=x[:1], y=y[:1] * 0), call(says, x=x[:3], y=y[:3] * 0)]
    return calls


def _of_two(dtype: str, x: Any, y: Any) -> list[Ask]:
    spec = (dtype, [None])
    return [
        ask(f"{name}_{dtype}", function, {"x": spec, "y": spec}, _pairs(name, x, y)) for name, function in TWO.items()
    ]


def _of_one(dtype: str, matrix: Any) -> list[Ask]:
    calls = [call(x=matrix[:1]), call(x=matrix[:2]), call(x=matrix)]
    return [ask(f"{name}_{dtype}", function, {"x": (dtype, [None, 4])}, calls) for name, function in ONE.items()]


def _hour(tf, t):
    return (t // 3600) % 24


def _hashed(tf, E, i):
    return tf.gather(E, (i * 31 + 7) % 1000)


def _mean_per_bucket(tf, x):
    return tf.reduce_sum(x) // tf.reduce_sum(tf.cast(x > 0, x.dtype))


TIMESTAMPS = i64([1700000000, 1700002799, 946684799, 1, 4102444799])
IDS = i64([123456789012, 16777217, 98765432123, 0])

ASKS: list[Ask] = [
    *_of_two("int32", X32, Y32),
    *_of_two("int64", X64, Y64),
    *_of_one("int32", MATRIX32),
    *_of_one("int64", MATRIX64),
    ask("hour", _hour, {"t": ("int64", [None])}, [call(t=TIMESTAMPS[:1]), call(t=TIMESTAMPS)]),
    ask("hour_of_one_row", _hour, {"t": ("int64", [1, 1])}, [call(t=TIMESTAMPS[i : i + 1, None]) for i in range(3)]),
    ask(
        "hour_int32", _hour, {"t": ("int32", [None])}, [call(t=i32([1700000000])), call(t=i32([1700002799, 946684799]))]
    ),
    ask("hashed_ids", _hashed, {"i": ("int64", [None])}, [call(i=IDS[:1]), call(i=IDS)], [normal(1000, 3)]),
    ask(
        "modulo_constant", lambda tf, x: x % 1000, {"x": ("int32", [1])}, [call(x=i32([123456789])), call(x=i32([-1]))]
    ),
    ask(
        "divided_by_a_count",
        _mean_per_bucket,
        {"x": ("int32", [None])},
        [call(x=i32([7])), call(x=i32([7, 8, -1])), call(ZERO, x=i32([-7])), call(ZERO, x=i32([-1, 0]))],
    ),
    ask(
        "divided_by_constant_zero",
        lambda tf, x: x // tf.constant([0, 2]),
        {"x": ("int32", [None, 2])},
        [call(ZERO, x=i32([[1, 2]])), call(ZERO, x=i32([[1, 2], [3, 4]]))],
    ),
    ask(
        "int64_to_int32",
        lambda tf, x: tf.cast(x, tf.int32),
        {"x": ("int64", [None])},
        [call(x=i64([4294967297])), call(x=i64([2147483648, -2147483649, 5]))],
    ),
    ask(
        "square_then_back",
        lambda tf, x: tf.cast(tf.cast(x, tf.int64) * tf.cast(x, tf.int64) % 1000003, tf.int32),
        {"x": ("int32", [None])},
        [call(x=i32([123456789])), call(x=X32)],
    ),
    ask(
        "add_uint8",
        lambda tf, x, y: x + y,
        {"x": ("uint8", [None]), "y": ("uint8", [None])},
        [call(x=np.uint8([200]), y=np.uint8([100])), call(x=np.uint8([200, 1]), y=np.uint8([55, 1]))],
    ),
]
