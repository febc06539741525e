"""Graphs whose first dimension is free and no batch: it is time, or rows depend on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.equality.ask import Ask, ask, call, f32, normal

VECTORS = [call(x=normal(length)) for length in (5, 4, 3)]
SHORT = [*VECTORS, call(x=normal(2)), call(x=normal(1))]
MATRICES = [call(x=normal(rows, 4)) for rows in (1, 2, 3)]
WAVES = [call(x=normal(length)) for length in (320, 352, 1600, 4001)]


def _vector(name: str, function: Any, calls: list[Any]) -> Ask:
    return ask(name, function, {"x": ("float32", [None])}, calls)


def _matrix(name: str, function: Any) -> Ask:
    return ask(name, function, {"x": ("float32", [None, 4])}, MATRICES)


def _stft(tf, x):
    return tf.reduce_mean(tf.abs(tf.signal.stft(x, 320, 32)), 1)


def _conv1d(tf, x):
    filters = tf.constant(normal(3, 1, 2, seed=7))
    return tf.nn.conv1d(x[tf.newaxis, :, tf.newaxis], filters, 1, "VALID")[0]


def _max_pool1d(tf, x):
    return tf.nn.max_pool1d(x[tf.newaxis, :, tf.newaxis], 2, 2, "VALID")[0, :, 0]


def _top_k(tf, x):
    best = tf.math.top_k(x, 3)
    return {"values": best.values, "indices": best.indices}


def _unit_rows(tf, x):
    return (x - tf.reduce_mean(x, 0)) / (1.0 + tf.math.reduce_std(x, 0))


ASKS: list[Ask] = [
    _vector("stft", _stft, WAVES),
    _vector("stft_one_second", lambda tf, x: tf.abs(tf.signal.stft(x, 128, 64, 128)), WAVES),
    _vector("frames", lambda tf, x: tf.signal.frame(x, 3, 2), SHORT),
    _vector("rfft", lambda tf, x: tf.abs(tf.signal.rfft(x)), SHORT),
    ask(
        "stft_of_a_batch",
        lambda tf, x: tf.abs(tf.signal.stft(x, 64, 32)),
        {"x": ("float32", [None, 256])},
        [call(x=normal(rows, 256)) for rows in (1, 2, 3)],
    ),
    _vector("top_k_of_a_vector", _top_k, SHORT),
    _vector("element_2", lambda tf, x: x[2], SHORT),
    _vector("last_element", lambda tf, x: x[-1], SHORT),
    ask(
        "rows_beside_the_last",
        lambda tf, x: {"last": tf.reduce_sum(x[-1]) >= x, "first": x <= tf.gather(x, 0) + 100.0},
        {"x": ("float32", [None, 4])},
        [*MATRICES, call(x=np.zeros((0, 4), np.float32))],
    ),
    ask(
        "rows_beside_their_sum",
        lambda tf, x: tf.reduce_sum(x) * 0.01 > x - 3.0,
        {"x": ("float32", [None, 4])},
        [*MATRICES, call(x=np.zeros((0, 4), np.float32)), call(x=f32([[1, 2, 3, 4], [9e3, 0, 0, 0]]))],
    ),
    _vector("conv1d", _conv1d, VECTORS),
    _vector("max_pool1d", _max_pool1d, SHORT),
    _vector("reflect_pad", lambda tf, x: tf.pad(x, [[2, 2]], "REFLECT"), SHORT),
    _vector("symmetric_pad", lambda tf, x: tf.pad(x, [[2, 1]], "SYMMETRIC"), SHORT),
    _vector("differences", lambda tf, x: x[1:] - x[:-1], SHORT),
    _vector("softmax_of_a_vector", lambda tf, x: tf.nn.softmax(x), SHORT),
    _vector("sort_a_vector", lambda tf, x: tf.sort(x), SHORT),
    _vector("cumsum_of_a_vector", lambda tf, x: tf.cumsum(x), SHORT),
    _vector("roll", lambda tf, x: tf.roll(x, 1, 0), SHORT),
    _vector("mean_of_a_vector", lambda tf, x: tf.reduce_mean(x), SHORT),
    _matrix("products_of_rows", lambda tf, x: tf.matmul(x, x, transpose_b=True)),
    _matrix("rows_to_unit_variance", _unit_rows),
    _matrix("cumsum_of_rows", lambda tf, x: tf.cumsum(x, 0)),
    _matrix("reverse_rows", lambda tf, x: tf.reverse(x, [0])),
    _matrix("squeeze_rows", lambda tf, x: tf.squeeze(x)),
    _matrix("reshape_rows", lambda tf, x: tf.reshape(x, [-1, 2])),
    _matrix("transposed", lambda tf, x: tf.transpose(x)),
    _matrix("shape_of_rows", lambda tf, x: {"shape": tf.shape(x), "size": tf.size(x)}),
    _matrix("another_branch_for_one_row", lambda tf, x: tf.cond(tf.shape(x)[0] > 1, lambda: x, lambda: -x)),
    _matrix("broadcast_against_the_first_row", lambda tf, x: x + x[:1]),
    ask(
        "two_batches",
        lambda tf, x, y: x + y,
        {"x": ("float32", [None, 2]), "y": ("float32", [None, 2])},
        [
            call(x=f32([[1, 2]]), y=f32([[3, 4]])),
            call(x=f32([[1, 2]]), y=normal(3, 2)),
            call(x=normal(3, 2), y=f32([[1, 2]])),
            call(x=normal(2, 2), y=normal(3, 2)),
        ],
    ),
]
