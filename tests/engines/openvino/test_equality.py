"""Graphs at their edges give TensorFlow's answers, or its refusals, whichever engine runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.openvino.asking import Ask, check

pytestmark = pytest.mark.tensorflow

NAN, INF = np.nan, np.inf
ROW = [[1.0, 2.0, 3.0, -4.0]]
ROWS = [
    (ROW,),
    ([[NAN, 1, -2, 3]],),
    ([[INF, 1, -2, 3]],),
    ([[-INF, 1, -2, 3]],),
    ([[0.0, 0.0, 0.0, 0.0]],),
    ([[3e38, -3e38, 1e30, 1]],),
    ([*ROW, [NAN, 1, -2, 3]],),
    (np.zeros((0, 4)),),
]
INTEGERS = [
    ([[1, 2, 3]],),
    ([[123456789, 16777217, -5], [1, 16777216, 16777218]],),
    ([[2**31 - 1, -(2**31), 0]],),
    (np.zeros((0, 3)),),
]
BEYOND_INT32 = ([[2**40, 5, 1]],)


def _float_asks() -> dict[str, Any]:
    import tensorflow as tf

    weights = tf.constant(np.random.default_rng(0).normal(size=(4, 4)).astype("f"))
    pixels = lambda x: tf.reshape(x, [-1, 2, 2, 1])  # noqa: E731

    def normalised(x: Any) -> Any:
        spread = tf.math.reduce_variance(x, 1, keepdims=True)
        return tf.nn.relu((x - tf.reduce_mean(x, 1, keepdims=True)) * tf.math.rsqrt(spread + 1e-3))

    return {
        "argmax": lambda x: tf.argmax(x, 1),
        "bool": lambda x: tf.cast(x, tf.bool),
        "clip": lambda x: tf.clip_by_value(x, 0.0, 2.0),
        "conv1d": lambda x: tf.nn.conv1d(x[:, :, None], tf.ones([2, 1, 3]), 1, "SAME"),
        "depthwise": lambda x: tf.nn.depthwise_conv2d(pixels(x), tf.ones([2, 2, 1, 2]), [1, 1, 1, 1], "SAME"),
        "divide_then_relu": lambda x: tf.nn.relu(1 / x),
        "equal_itself": lambda x: tf.equal(x, x),
        "exp": tf.exp,
        "greater": lambda x: x > 0,
        "int32": lambda x: tf.cast(x, tf.int32),
        "int64": lambda x: tf.cast(x, tf.int64),
        "int8": lambda x: tf.cast(x, tf.int8),
        "is_nan": tf.math.is_nan,
        "log_then_max": lambda x: tf.reduce_max(tf.math.log(x), 1),
        "matmul_relu": lambda x: tf.nn.relu(x @ weights),
        "max_pool": lambda x: tf.nn.max_pool1d(x[:, :, None], 2, 2, "VALID"),
        "maximum": lambda x: tf.maximum(x, 0.5),
        "minimum": lambda x: tf.minimum(x, 0.5),
        "normalised": normalised,
        "one_hot_argmax": lambda x: tf.one_hot(tf.argmax(x, 1), 4),
        "overflow_then_relu": lambda x: tf.nn.relu(tf.exp(x * 100) - tf.exp(x * 100)),
        "power_then_relu": lambda x: tf.nn.relu(tf.pow(x, -0.5)),
        "reduce_max": lambda x: tf.reduce_max(x, 1),
        "relu": tf.nn.relu,
        "relu6": tf.nn.relu6,
        "resize": lambda x: tf.image.resize(pixels(x), [5, 3]),
        "sign": tf.sign,
        "softmax": tf.nn.softmax,
        "sqrt_then_clip": lambda x: tf.clip_by_value(tf.sqrt(x), 0.0, 2.0),
        "top_k": lambda x: tf.math.top_k(x, 2).values,
        "uint8": lambda x: tf.cast(x, tf.uint8),
        "where_nan": lambda x: tf.where(tf.math.is_nan(x), 0.0, x),
    }


FLOATS = [
    *("argmax", "bool", "clip", "conv1d", "depthwise", "divide_then_relu", "equal_itself", "exp", "greater", "int32"),
    *("int64", "int8", "is_nan", "log_then_max", "matmul_relu", "max_pool", "maximum", "minimum", "normalised"),
    *("one_hot_argmax", "overflow_then_relu", "power_then_relu", "reduce_max", "relu", "relu6", "resize", "sign"),
    *("softmax", "sqrt_then_clip", "top_k", "uint8", "where_nan"),
]


@pytest.mark.parametrize("batch", [None, 1], ids=["free", "one"])
@pytest.mark.parametrize("name", FLOATS)
def test_nan_infinities_and_nothing(tmp_path: Path, name: str, batch: int | None) -> None:
    rows = [row for row in ROWS if batch is None or len(row[0]) == batch]
    check(Ask(_float_asks()[name], [("x", "float32", [batch, 4])], rows, engine=""), tmp_path / "1")


def _integer_asks() -> dict[str, Any]:
    import tensorflow as tf

    return {
        "absolute": tf.abs,
        "bool": lambda x: tf.cast(x, tf.bool),
        "clip": lambda x: tf.clip_by_value(x, 0, 16777217),
        "divided": lambda x: 100 // x,
        "equal": lambda x: x == 16777217,
        "hour": lambda x: x // 3600 % 24,
        "int8": lambda x: tf.cast(x, tf.int8),
        "less": lambda x: x < 16777217,
        "matmul": lambda x: tf.matmul(x, tf.ones([3, 2], x.dtype)),
        "not_equal": lambda x: x != 16777217,
        "one_hot": lambda x: tf.one_hot(x, 3),
        "padded": lambda x: tf.pad(x, [[0, 0], [1, 1]]),
        "plus_one": lambda x: x + 1,
        "quotient": lambda x: x // 7,
        "reduce_max": lambda x: tf.reduce_max(x, 1),
        "reduce_sum": lambda x: tf.reduce_sum(x, 1),
        "remainder": lambda x: x % 1000,
        "remainder_by": lambda x: 100 % x,
        "reversed": lambda x: tf.reverse(x, [1]),
        "squared": lambda x: x * x,
        "to_float": lambda x: tf.cast(x, tf.float32),
        "truncated": lambda x: tf.truncatemod(x, 7),
    }


WHOLE = [
    *("absolute", "bool", "clip", "divided", "equal", "hour", "int8", "less", "matmul", "not_equal", "one_hot"),
    *("padded", "plus_one", "quotient", "reduce_max", "reduce_sum", "remainder", "remainder_by", "reversed"),
    *("squared", "to_float", "truncated"),
]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("name", WHOLE)
def test_integers_beyond_what_float32_holds(tmp_path: Path, name: str, dtype: str) -> None:
    rows = [*INTEGERS, BEYOND_INT32] if dtype == "int64" else INTEGERS
    check(Ask(_integer_asks()[name], [("x", dtype, [None, 3])], rows, engine=""), tmp_path / "1")


def _vector_asks() -> dict[str, Any]:
    import tensorflow as tf

    return {
        "conv1d": lambda x: tf.nn.conv1d(x[None, :, None], tf.ones([3, 1, 1]), 1, "VALID"),
        "cumsum": tf.cumsum,
        "fill": lambda x: tf.ones([tf.shape(x)[0] - 1]),
        "last": lambda x: x[-1],
        "max_of_rest": lambda x: tf.reduce_max(x[3:]),
        "max_pool": lambda x: tf.nn.max_pool1d(x[None, :, None], 3, 1, "VALID"),
        "mean_of_rest": lambda x: tf.reduce_mean(x[3:]),
        "pairs": lambda x: tf.reshape(x, [-1, 2]),
        "range": lambda x: tf.range(3, tf.shape(x)[0]),
        "reflected": lambda x: tf.pad(x, [[2, 2]], "REFLECT"),
        "rest": lambda x: x[3:],
        "stft": lambda x: tf.reduce_mean(tf.abs(tf.signal.stft(x, 320, 32)), 1),
        "symmetric": lambda x: tf.pad(x, [[2, 2]], "SYMMETRIC"),
        "third": lambda x: x[2],
        "top_k": lambda x: tf.math.top_k(x, 3).values,
    }


VECTORS = [
    *("conv1d", "cumsum", "fill", "last", "max_of_rest", "max_pool", "mean_of_rest", "pairs", "range", "reflected"),
    *("rest", "stft", "symmetric", "third", "top_k"),
]


@pytest.mark.parametrize("name", VECTORS)
def test_a_free_first_dimension_that_is_no_batch(tmp_path: Path, name: str) -> None:
    values = [(np.arange(size, dtype=float),) for size in (5, 1, 3, 0, 6, 400)]
    check(Ask(_vector_asks()[name], [("x", "float32", [None])], values, engine=""), tmp_path / "1")


def _flattened(x: Any) -> Any:
    """As Keras' Flatten does it: each row stays a row."""
    import tensorflow as tf

    return tf.reshape(x, [tf.shape(x)[0], 16])


def _rows_kept_asks() -> dict[str, tuple[Callable[..., Any], list[int | None]]]:
    import tensorflow as tf

    weights = tf.constant(np.random.default_rng(0).normal(size=(16, 3)).astype("f"))
    return {
        "by_two_sizes": (lambda x: tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] * 4]), [None, 4, 4, 1]),
        "dense": (lambda x: _flattened(x) @ weights, [None, 4, 4, 1]),
        "flatten": (_flattened, [None, 4, 4, 1]),
        "free_sizes": (lambda x: _flattened(x) @ weights, [None, None, None, 1]),
        "last": (lambda x: tf.reshape(x, [16, tf.shape(x)[0]]), [None, 4, 4, 1]),
        "pooled": (lambda x: _flattened(tf.nn.max_pool2d(x, 1, 1, "SAME")) @ weights, [None, 4, 4, 1]),
        "split": (lambda x: tf.reshape(x, [tf.shape(x)[0], 2, 8]), [None, 16]),
        "split_rest": (lambda x: tf.reduce_sum(tf.reshape(x, [tf.shape(x)[0], 2, -1]), 2), [None, 16]),
        "squared": (lambda x: tf.matmul(_flattened(x), _flattened(x), transpose_b=True), [None, 4, 4, 1]),
    }


ROWS_KEPT = ("by_two_sizes", "dense", "flatten", "free_sizes", "last", "pooled", "split", "split_rest", "squared")


@pytest.mark.parametrize("name", ROWS_KEPT)
def test_rows_of_another_size_do_not_flow_together(tmp_path: Path, name: str) -> None:
    """Two rows of half the size have as many numbers as one, and are no row all the same."""
    function, shape = _rows_kept_asks()[name]
    rest = shape[1:]
    sizes = (
        [(2, 8), (4, 4), (1, 32), (3, 16)]
        if len(rest) == 1
        else [(2, 2, 4, 1), (4, 4, 2, 1), (2, 4, 4, 2), (3, 4, 4, 1)]
    )
    values = [(np.random.default_rng(1).normal(size=size).astype("f"),) for size in sizes]
    check(Ask(function, [("x", "float32", shape)], values, engine=""), tmp_path / "1")


def _index_asks() -> dict[str, Ask]:
    import tensorflow as tf

    table = tf.constant(np.random.default_rng(0).normal(size=(10, 4)).astype("f"))
    pair = [([[0, 9]],), ([[0, 10]],), ([[0, -1]],), ([[5, 3], [2, 2]],), (np.zeros((0, 2)),)]
    int32, int64 = [("x", "int32", [None, 2])], [("x", "int64", [None, 2])]
    wide = [*pair, ([[5, 2**32]],)]
    rows = np.random.default_rng(1).normal(size=(2, 100)).astype("f")
    matrix: list[tuple[str, str, list[int | None] | None]] = [("x", "float32", [None, None]), ("i", "int32", [None])]
    columns = [(rows, [0, 99]), (rows, [0, 100]), (rows, [-1]), (rows[:, :5], [5]), (rows[:, :5], [4])]
    floats = [([[0, 9]],), ([[0.7, 10.0]],), ([[0, -0.5]],), ([[NAN, 1]],), ([[3e9, 1]],)]
    return {
        "argmax": Ask(lambda x: tf.gather(table, tf.argmax(x, 1)), [("x", "float32", [None, 10])], [(rows[:, :10],)]),
        "columns": Ask(lambda x, i: tf.gather(x, i, axis=1), matrix, columns),
        "floats": Ask(lambda x: tf.gather(table, tf.cast(x, tf.int32)), [("x", "float32", [None, 2])], floats),
        "gather": Ask(lambda x: tf.gather(table, x), int32, pair),
        "gather_int64": Ask(lambda x: tf.gather(table, x), int64, wide),
        "gather_nd": Ask(lambda x: tf.gather_nd(table, x), int32, [([[0, 1]],), ([[9, 3], [10, 0]],), ([[0, -1]],)]),
        "gather_nd_plus": Ask(lambda x: tf.gather_nd(table, x + 1), int32, [([[0, 1]],), ([[8, 2], [9, 0]],)]),
        "hashed": Ask(lambda x: tf.gather(table, x % 10), int64, [*wide, ([[123456789, -3]],), ([[2**33 + 1, 1]],)]),
        "plus_one": Ask(lambda x: tf.gather(table, x + 1), int32, [*pair, ([[2**31 - 1, -2]],)]),
    }


INDICES = (
    *("argmax", "columns", "floats", "gather", "gather_int64", "gather_nd", "gather_nd_plus", "hashed", "plus_one"),
)


@pytest.mark.parametrize("name", INDICES)
def test_indices_are_held_against_what_they_index(tmp_path: Path, name: str) -> None:
    check(_index_asks()[name], tmp_path / "1")


@pytest.mark.parametrize("batch", [None, 1, 2])
def test_rows_that_index_themselves(tmp_path: Path, batch: int | None) -> None:
    import tensorflow as tf

    rng = np.random.default_rng(1)
    rows = [(rng.normal(size=(size, 100)),) for size in ((1, 2, 3) if batch is None else (batch,))]
    specs: Any = [("x", "float32", [batch, 100])]
    by_rank = Ask(lambda x: tf.gather(x, tf.math.top_k(x, 5).indices, batch_dims=1), specs, rows, engine="")
    check(by_rank, tmp_path / "1")
    along = Ask(lambda x: tf.experimental.numpy.take_along_axis(x, tf.argsort(x, 1), 1), specs, rows, engine="")
    check(along, tmp_path / "2")
