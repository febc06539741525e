"""NaN and the infinities: from a client, made in the graph, and in casts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.equality.ask import Ask, ask, batches, call, f32, normal

NAN, INF = float("nan"), float("inf")
FINITE = f32([[0.5, -1.5, 7.0, 0.0]])
ODD = f32([[NAN, 1.0, -1.0, 2.0], [INF, -INF, 3.0, -2.0], [NAN, INF, -INF, 0.0]])
ROWS = [call(x=FINITE), call(x=ODD[:1]), call(x=ODD[1:2]), call(x=ODD[:2]), call(x=ODD)]
WEIGHTS = normal(4, 3, seed=6)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": lambda tf, x: tf.nn.relu(x),
    "relu6": lambda tf, x: tf.nn.relu6(x),
    "leaky_relu": lambda tf, x: tf.nn.leaky_relu(x),
    "clip": lambda tf, x: tf.clip_by_value(x, -1.0, 1.0),
    "maximum": lambda tf, x: tf.maximum(x, 0.0),
    "minimum": lambda tf, x: tf.minimum(x, 0.0),
    "maximum_reversed": lambda tf, x: tf.maximum(0.0, x),
    "reduce_max": lambda tf, x: tf.reduce_max(x, 1),
    "reduce_min": lambda tf, x: tf.reduce_min(x, 1),
    "softmax": lambda tf, x: tf.nn.softmax(x),
    "sigmoid": lambda tf, x: tf.nn.sigmoid(x),
    "tanh": lambda tf, x: tf.nn.tanh(x),
    "elu": lambda tf, x: tf.nn.elu(x),
    "gelu": lambda tf, x: tf.nn.gelu(x),
    "softplus": lambda tf, x: tf.nn.softplus(x),
    "hard_sigmoid": lambda tf, x: tf.nn.relu6(x + 3.0) / 6.0,
    "greater": lambda tf, x: x > 0.0,
    "equal_to_itself": lambda tf, x: tf.equal(x, x),
    "is_finite": lambda tf, x: {"finite": tf.math.is_finite(x), "nan": tf.math.is_nan(x), "inf": tf.math.is_inf(x)},
    "sign": lambda tf, x: tf.sign(x),
    "round": lambda tf, x: tf.round(x),
    "where": lambda tf, x: tf.where(x > 0.0, x, -1.0),
    "layer_norm": lambda tf, x: _normalized(tf, x, -1),
    "dense_relu": lambda tf, x: tf.nn.relu(tf.matmul(x, tf.constant(WEIGHTS))),
    "max_pool": lambda tf, x: tf.nn.max_pool1d(x[:, :, tf.newaxis], 2, 2, "VALID"),
    "average_pool": lambda tf, x: tf.nn.avg_pool1d(x[:, :, tf.newaxis], 2, 2, "VALID"),
    "relu_of_log": lambda tf, x: tf.nn.relu(tf.math.log(x)),
    "maximum_of_sqrt": lambda tf, x: tf.maximum(tf.sqrt(x), 0.25),
    "relu_of_ratio": lambda tf, x: tf.nn.relu(x / x),
    "clip_of_exp": lambda tf, x: tf.clip_by_value(tf.exp(x * 100.0) - tf.exp(x * 100.0), 0.0, 1.0),
    "greater_than_pow": lambda tf, x: tf.pow(x, 0.5) > 0.0,
}


def _normalized(tf, x, axis):
    mean, variance = tf.nn.moments(x, [axis], keepdims=True)
    return tf.nn.relu((x - mean) * tf.math.rsqrt(variance + 1e-3))


def _batch_norm(tf, x):
    scale = tf.constant(f32([1, 2]))
    return tf.nn.relu(tf.compat.v1.nn.fused_batch_norm(x, scale, scale, scale, scale, is_training=False)[0])


IMAGES = f32([[[[NAN, 1], [2, 3]]], [[[0, -1], [INF, -INF]]]])
# In-range values, and values that have no room in the integers.
CASTS = {
    "int32": (3e9, -3e9),
    "int64": (1e19, -1e19),
    "uint8": (256.0, -1.0),
    "int8": (200.0, -200.0),
    "bool": (0.5, -0.0),
}


def _cast(dtype: str) -> Ask:
    beyond, below = CASTS[dtype]
    return ask(
        f"float_to_{dtype}",
        lambda tf, x: tf.cast(x, dtype),
        {"x": ("float32", [None])},
        [
            call(x=f32([1.9])),
            call(x=f32([-1.5, 100.7, 0.0])),
            call(x=f32([beyond])),
            call(x=f32([below, beyond, 1.0])),
            call(x=f32([NAN])),
            call(x=f32([INF, -INF, NAN])),
        ],
    )


ASKS: list[Ask] = [
    *[ask(f"{name}_of_odd", function, {"x": ("float32", [None, 4])}, ROWS) for name, function in FUNCTIONS.items()],
    *batches(
        "relu_of_odd_batch",
        FUNCTIONS["relu"],
        {"x": ("float32", ["B", 4])},
        [call(x=ODD[:1]), call(x=ODD[1:])],
        sizes=(1, 2),
    ),
    ask(
        "batch_norm_of_odd",
        _batch_norm,
        {"x": ("float32", [None, 1, 2, 2])},
        [call(x=normal(1, 1, 2, 2)), call(x=IMAGES[:1]), call(x=IMAGES)],
    ),
    *[_cast(dtype) for dtype in CASTS],
    ask(
        "is_finite_of_tiny",
        lambda tf, x: {"finite": tf.math.is_finite(x), "kept": tf.where(tf.math.is_finite(x * 2.0), x, 7.0) > -1.0},
        {"x": ("float32", [None, 3])},
        [call(x=f32([[1e-40, -1e-42, 1.0]])), call(x=f32([[0.0, 1e-38, 3e38]])), call(x=f32([[NAN, INF, 1e-45]]))],
    ),
    ask(
        "is_finite_in_a_branch",
        lambda tf, x: {"y": tf.cond(tf.size(x) > 2, lambda: tf.math.is_finite(x), lambda: x > 5.0)},
        {"x": ("float32", [None])},
        [call(x=f32([1e-40, 1.0, 2.0])), call(x=f32([1e-40, 6.0]))],
    ),
    ask(
        "ratio",
        lambda tf, x, y: {"divide": x / y, "no_nan": tf.math.divide_no_nan(x, y)},
        {"x": ("float32", [None]), "y": ("float32", [None])},
        [call(x=f32([1]), y=f32([0])), call(x=f32([0, -1, 4]), y=f32([0, 0, 2]))],
    ),
]
