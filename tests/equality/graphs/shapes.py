"""Operands whose shapes do not agree: TensorFlow refuses them where OpenVINO would repeat a dimension of one."""

from __future__ import annotations

import numpy as np
from tests.equality.ask import Ask, ask, call, f32, normal

BIAS = f32([1, 2, 3, 4])
ONES, THREES = normal(1, 4), normal(3, 4)


def _batch_norm(tf, x, *statistics):
    scale, offset, mean, variance = statistics if len(statistics) == 4 else statistics * 4
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=offset, mean=mean, variance=variance, is_training=False
    )[0]


def _of_constants(tf, x):
    return _batch_norm(tf, x, tf.constant(BIAS))


ASKS: list[Ask] = [
    ask(
        "einsum_of_two_batches",
        lambda tf, a, b: tf.einsum("bij,bjk->bik", a, b),
        {"a": ("float32", [None, 2, 3]), "b": ("float32", [None, 3, 4])},
        [
            call(a=normal(1, 2, 3), b=normal(1, 3, 4)),
            call(a=normal(3, 2, 3), b=normal(3, 3, 4)),
            call(a=normal(1, 2, 3), b=normal(3, 3, 4)),
            call(a=normal(3, 2, 3), b=normal(1, 3, 4)),
        ],
    ),
    ask(
        "einsum_of_two_widths",
        lambda tf, a, b: tf.einsum("ab,bc->ac", a, b),
        {"a": ("float32", [None, None]), "b": ("float32", [None, None])},
        [
            call(a=normal(2, 3), b=normal(3, 4)),
            call(a=normal(2, 1), b=normal(3, 4)),
            call(a=normal(2, 3), b=normal(1, 4)),
        ],
    ),
    ask(
        "einsum_of_leading_dimensions",
        lambda tf, w, x: tf.einsum("...ab,bc->...ac", x, w),
        {"x": ("float32", [None, None, 4])},
        [call(x=normal(2, 3, 4)), call(x=normal(1, 3, 4)), call(x=normal(2, 3, 1)), call(x=normal(2, 3))],
        [normal(4, 5)],
    ),
    ask(
        "numbers_beside_a_bias",
        lambda tf, x, y: {"scaled": x / 255.0 * y, "biased": tf.nn.bias_add(x[:, None] * tf.ones((1, 4)), BIAS)},
        {"x": ("float32", [None]), "y": ("float32", [None])},
        [call(x=f32([1, 2]), y=f32([3, 4])), call(x=f32([1]), y=f32([3])), call(x=f32([1, 2]), y=f32([3]))],
    ),
    ask(
        "batch_matmul_of_two_batches",
        lambda tf, a, b: tf.raw_ops.BatchMatMul(x=a, y=b),
        {"a": ("float32", [None, 2, 3]), "b": ("float32", [None, 3, 4])},
        [call(a=normal(2, 2, 3), b=normal(2, 3, 4)), call(a=normal(1, 2, 3), b=normal(3, 3, 4))],
    ),
    ask(
        "matmul_of_another_rank",
        lambda tf, w, x: tf.raw_ops.MatMul(a=x, b=w),
        {"x": ("float32", [None, 4])},
        [call(x=normal(2, 4)), call(x=normal(2, 3, 4)), call(x=normal(1, 3, 4)), call(x=normal(4))],
        [normal(4, 3)],
    ),
    ask(
        "matmul_of_unknown_rank",
        lambda tf, w, x: tf.raw_ops.MatMul(a=x, b=w),
        {"x": ("float32", None)},
        [call(x=normal(2, 4)), call(x=normal(2, 3, 4)), call(x=normal(1, 3, 4)), call(x=normal(4))],
        [normal(4, 3)],
    ),
    ask(
        "batch_matmul_of_unknown_rank",
        lambda tf, w, x: tf.raw_ops.BatchMatMulV2(x=x, y=w),
        {"x": ("float32", None)},
        [call(x=normal(2, 4)), call(x=normal(2, 3, 4)), call(x=normal(1, 3, 4)), call(x=normal(4))],
        [normal(4, 3)],
    ),
    ask(
        "perceptron_of_another_rank",
        lambda tf, w, x: tf.nn.softmax(tf.nn.relu(tf.matmul(x, w) + BIAS[:3])),
        {"x": ("float32", [None, 4])},
        [
            call(x=normal(2, 4)),
            call(x=normal(2, 3, 4)),
            call(x=normal(1, 3, 4)),
            call(x=normal(4)),
            call(x=normal(2, 1)),
        ],
        [normal(4, 3)],
    ),
    ask(
        "add_n_of_two_shapes",
        lambda tf, a, b: tf.add_n([a, b]),
        {"a": ("float32", [None, 4]), "b": ("float32", [None, 4])},
        [call(a=THREES, b=THREES), call(a=ONES, b=THREES), call(a=THREES, b=ONES)],
    ),
    ask(
        "clip_by_bounds_of_another_shape",
        lambda tf, x, low: tf.raw_ops.ClipByValue(t=x, clip_value_min=low, clip_value_max=low + 1),
        {"x": ("float32", [None, 4]), "low": ("float32", [None, 4])},
        [call(x=THREES, low=THREES - 0.5), call(x=ONES, low=THREES), call(x=THREES, low=ONES)],
    ),
    ask(
        "bias_of_unknown_channels",
        lambda tf, x: tf.nn.bias_add(x, BIAS),
        {"x": ("float32", [None, None])},
        [call(x=normal(2, 4)), call(x=normal(1, 4)), call(x=normal(2, 1)), call(x=normal(1, 1)), call(x=normal(2, 3))],
    ),
    ask(
        "bias_that_is_sent",
        lambda tf, x, b: tf.nn.bias_add(x, b),
        {"x": ("float32", [None, 4]), "b": ("float32", [None])},
        [call(x=normal(2, 4), b=BIAS), call(x=normal(2, 4), b=f32([1])), call(x=normal(1, 4), b=f32([1]))],
    ),
    ask(
        "bias_of_another_rank",
        lambda tf, x: tf.nn.bias_add(x, BIAS) * 2.0,
        {"x": ("float32", [None, 4])},
        [call(x=normal(2, 4)), call(x=normal(4)), call(x=normal(2, 3, 4)), call(x=normal(2, 1))],
    ),
    ask(
        "bias_of_unknown_rank",
        lambda tf, x: tf.nn.bias_add(x, BIAS),
        {"x": ("float32", None)},
        [call(x=normal(2, 4)), call(x=normal(4)), call(x=normal(2, 3, 4)), call(x=normal(2, 1))],
    ),
    ask(
        "sum_of_another_shape",
        lambda tf, x: x + BIAS,
        {"x": ("float32", [None, 4])},
        [call(x=normal(2, 4)), call(x=normal(4)), call(x=normal(2, 1)), call(x=normal(2, 3, 4))],
    ),
    ask(
        "batch_normalisation_of_unknown_channels",
        _of_constants,
        {"x": ("float32", [None, 2, 2, None])},
        [
            call(x=normal(2, 2, 2, 4)),
            call(x=normal(1, 2, 2, 4)),
            call(x=normal(2, 2, 2, 1)),
            call(x=normal(1, 2, 2, 1)),
        ],
    ),
    ask(
        "batch_normalisation_of_other_channels",
        _of_constants,
        {"x": ("float32", [None, 2, 2, 4])},
        [call(x=normal(2, 2, 2, 4)), call(x=normal(2, 2, 2, 1)), call(x=normal(2, 2, 4))],
    ),
    ask(
        "batch_normalisation_by_what_is_sent",
        lambda tf, x, s: _batch_norm(tf, x, tf.abs(s) + 1.0),
        {"x": ("float32", [None, 2, 2, 4]), "s": ("float32", [None])},
        [call(x=normal(2, 2, 2, 4), s=BIAS), call(x=normal(2, 2, 2, 4), s=np.ones(1, np.float32))],
    ),
    ask(
        "select_of_another_shape",
        lambda tf, x, c: tf.raw_ops.Select(condition=c, x=x, y=-x),
        {"x": ("float32", [None, 4]), "c": ("bool", [None])},
        [
            call(x=normal(2, 4), c=np.array([True, False])),
            call(x=normal(4, 4), c=np.array([True, False, True, True])),
            call(x=normal(2, 4), c=np.array([True])),
        ],
    ),
    ask(
        "concat_of_two_widths",
        lambda tf, a, b: tf.concat([a, b], 0),
        {"a": ("float32", [None, None]), "b": ("float32", [None, None])},
        [
            call(a=normal(1, 4), b=normal(3, 4)),
            call(a=normal(1, 1), b=normal(3, 4)),
            call(a=normal(2, 3), b=normal(3, 4)),
        ],
    ),
    ask(
        "stack_of_two_shapes",
        lambda tf, a, b: tf.stack([a, b]),
        {"a": ("float32", [None, None]), "b": ("float32", [None, None])},
        [
            call(a=normal(3, 4), b=normal(3, 4)),
            call(a=normal(1, 4), b=normal(3, 4)),
            call(a=normal(3, 1), b=normal(3, 4)),
        ],
    ),
    ask(
        "cumulative_sum_of_a_scalar",
        lambda tf, x: tf.cumsum(tf.reduce_max(x, 0)),
        {"x": ("float32", [None])},
        [call(x=f32([2])), call(x=f32([1, 2]))],
    ),
    ask(
        "equal_of_two_shapes",
        lambda tf, a, b: tf.raw_ops.Equal(x=a, y=b, incompatible_shape_error=False),
        {"a": ("float32", [None]), "b": ("float32", [None])},
        [call(a=f32([1, 2]), b=f32([1, 3])), call(a=f32([1, 2, 3]), b=f32([1, 3])), call(a=f32([1]), b=f32([1, 3]))],
    ),
]
