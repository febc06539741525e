"""Nothing stays nothing: fills of computed shapes, and reductions of what a mask leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.equality.ask import Ask, ask, batches, call, f32, i32, normal

NONE_ONE_SOME = [call(x=f32([-1])), call(x=f32([-1, -2, -3])), call(x=f32([-1, 2])), call(x=f32([1, 2, 3]))]
MASKED: dict[str, Callable[..., Any]] = {
    "ones_like": lambda tf, m: tf.ones_like(m),
    "zeros_like": lambda tf, m: tf.zeros_like(m),
    "zeros": lambda tf, m: tf.zeros(tf.shape(m)),
    "fill": lambda tf, m: tf.fill([tf.size(m), 2], 7.0),
    "range_of": lambda tf, m: tf.range(tf.size(m)),
    "reduce_max": lambda tf, m: tf.reduce_max(m),
    "reduce_min": lambda tf, m: tf.reduce_min(m),
    "reduce_mean": lambda tf, m: tf.reduce_mean(m),
    "reduce_sum": lambda tf, m: tf.reduce_sum(m),
    "reduce_prod": lambda tf, m: tf.reduce_prod(m),
    "reduce_any": lambda tf, m: {"any": tf.reduce_any(m > 0), "all": tf.reduce_all(m > 2)},
    "argmax": lambda tf, m: tf.argmax(m),
    "softmax": lambda tf, m: tf.nn.softmax(m),
    "cumsum": lambda tf, m: tf.cumsum(m),
    "doubled": lambda tf, m: m * 2.0,
    "concat": lambda tf, m: tf.concat([m, tf.ones_like(m), [5.0]], 0),
    "tile": lambda tf, m: tf.tile(m, [2]),
    "one_hot": lambda tf, m: tf.one_hot(tf.cast(m, tf.int32), 3),
    "reverse": lambda tf, m: tf.reverse(m, [0]),
    "matmul": lambda tf, m: tf.matmul(m[tf.newaxis, :], m[:, tf.newaxis]),
}


def _of_mask(name: str, function: Callable[..., Any]) -> Ask:
    return ask(
        f"{name}_of_masked",
        lambda tf, x: function(tf, tf.boolean_mask(x, x > 0)),
        {"x": ("float32", [None])},
        NONE_ONE_SOME,
    )


def _max_int(tf, x):
    return {"max": tf.reduce_max(tf.boolean_mask(x, x > 0)), "min": tf.reduce_min(tf.boolean_mask(x, x > 0))}


def _empty(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


ASKS: list[Ask] = [
    *[_of_mask(name, function) for name, function in MASKED.items()],
    ask("max_of_masked_int32", _max_int, {"x": ("int32", [None])}, [call(x=i32([-1])), call(x=i32([-1, 16777217, 3]))]),
    ask("positions", lambda tf, x: tf.where(x > 0), {"x": ("float32", [None])}, NONE_ONE_SOME),
    *batches(
        "no_columns",
        lambda tf, x: x[:, 2:2],
        {"x": ("float32", ["B", 4])},
        [call(x=normal(rows, 4)) for rows in (1, 2, 3)],
    ),
    ask(
        "dense_of_no_rows",
        lambda tf, w, x: tf.nn.relu(tf.matmul(x, w)),
        {"x": ("float32", [None, 3])},
        [call(x=_empty(0, 3)), call(x=normal(1, 3)), call(x=normal(3, 3))],
        [normal(3, 2, seed=5)],
    ),
    ask(
        "convolution_of_no_rows",
        lambda tf, w, x: tf.nn.conv2d(x, w, 1, "SAME"),
        {"x": ("float32", [None, 4, 4, 1])},
        [call(x=_empty(0, 4, 4, 1)), call(x=normal(1, 4, 4, 1)), call(x=normal(2, 4, 4, 1))],
        [normal(3, 3, 1, 2, seed=5)],
    ),
    ask(
        "mean_over_free_columns",
        lambda tf, x: tf.reduce_mean(x, 1),
        {"x": ("float32", [None, None])},
        [call(x=_empty(1, 0)), call(x=_empty(2, 0)), call(x=normal(1, 2)), call(x=normal(3, 2))],
    ),
    ask(
        "max_over_free_columns",
        lambda tf, x: tf.reduce_max(x, 1),
        {"x": ("float32", [None, None])},
        [call(x=_empty(1, 0)), call(x=_empty(2, 0)), call(x=normal(1, 2)), call(x=normal(3, 2))],
    ),
    ask(
        "sum_of_no_rows",
        lambda tf, x: tf.reduce_sum(x, 0),
        {"x": ("float32", [None, 2])},
        [call(x=_empty(0, 2)), call(x=normal(1, 2)), call(x=normal(3, 2))],
    ),
]
