"""Which signatures have independent rows, so that calls of them may be joined to one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.openvino.asking import Ask, save

from lightship.engines import EngineOptions
from lightship.engines.openvino.building import build_signature, try_joining
from lightship.engines.openvino.row_mixing import Mixing
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

pytestmark = pytest.mark.tensorflow

VECTOR = [("x", "float32", [None, 4])]
IMAGE = [("x", "float32", [None, 8, 8, 3])]
SEQUENCE = [("x", "float32", [None, None, 4])]
TOKENS = [("x", "int32", [None, 6])]
PAIR = [("x", "float32", [None, 4]), ("z", "float32", [None, 4])]


def _weights(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _dependent() -> dict[str, tuple[Callable[..., Any], Any]]:
    import tensorflow as tf

    return {
        "all_pairs": (lambda x: tf.matmul(tf.matmul(x, x, transpose_b=True), x), VECTOR),
        "attention_over_rows": (lambda x: tf.matmul(tf.nn.softmax(tf.matmul(x, x, transpose_b=True)), x), VECTOR),
        "batch_statistics": (lambda x: (x - tf.reduce_mean(x, 0)) * tf.math.reduce_variance(x, 0), VECTOR),
        "batch_statistics_of_images": (lambda x: x - tf.reduce_mean(x, [0, 1, 2]), IMAGE),
        "best_of_rows": (lambda x: x + tf.cast(tf.argmax(x, 0), tf.float32), VECTOR),
        "convolution_over_rows": (lambda x: tf.nn.conv1d(x[None], _weights(3, 4, 4), 1, "SAME")[0], VECTOR),
        "count_of_rows": (lambda x: x / tf.cast(tf.shape(x)[0], tf.float32), VECTOR),
        "cumulative_product": (lambda x: tf.cumsum(tf.math.sign(x) + x, 0, exclusive=True), VECTOR),
        "cumulative_sum": (lambda x: tf.cumsum(x, 0), VECTOR),
        "difference_to_first": (lambda x: x - x[:1], VECTOR),
        "first_row": (lambda x: x + x[0], VECTOR),
        "highest_of_all": (lambda x: tf.cast(x >= tf.reduce_max(x), tf.int32), VECTOR),
        "largest": (lambda x: tf.minimum(x, tf.reduce_max(x)) * 2.0 - tf.reduce_max(x, 0), VECTOR),
        "mean_of_all": (lambda x: x - tf.reduce_mean(x), VECTOR),
        "norm_of_all": (lambda x: x / tf.norm(x), VECTOR),
        "pool_over_rows": (lambda x: tf.nn.max_pool1d(x[None], 3, 1, "SAME")[0], VECTOR),
        "reversed": (lambda x: tf.reverse(x, [0]), VECTOR),
        "reversed_slice": (lambda x: x[::-1], VECTOR),
        "rolled": (lambda x: tf.roll(x, 1, 0), VECTOR),
        "scrambled": (lambda x: tf.reshape(tf.transpose(x), tf.shape(x)), VECTOR),
        "scrambled_images": (lambda x: tf.reshape(tf.transpose(x, [1, 0, 2, 3]), tf.shape(x)), IMAGE),
        "second_of_pair_reversed": (lambda x, z: x + tf.reverse(z, [0]), PAIR),
        "sequences_over_rows": (lambda x: x - tf.reduce_mean(x, 0), SEQUENCE),
        "shifted": (lambda x: tf.concat([x[1:], x[:1]], 0), VECTOR),
        "softmax_over_rows": (lambda x: tf.nn.softmax(x, 0), VECTOR),
        "sorted": (lambda x: tf.transpose(tf.math.top_k(tf.transpose(x), tf.shape(x)[0]).values), VECTOR),
        "sum": (lambda x: tf.reduce_sum(x, 0), VECTOR),
        "tokens_over_rows": (lambda x: tf.cumsum(tf.gather(_weights(100, 3), x), 0), TOKENS),
        "total": (lambda x: tf.reduce_sum(x), VECTOR),
        "twice": (lambda x: tf.concat([x, x], 0), VECTOR),
    }


DEPENDENT = [
    *("all_pairs", "attention_over_rows", "batch_statistics", "batch_statistics_of_images", "best_of_rows"),
    *("convolution_over_rows", "count_of_rows", "cumulative_product", "cumulative_sum", "difference_to_first"),
    *("first_row", "highest_of_all", "largest", "mean_of_all", "norm_of_all", "pool_over_rows", "reversed"),
    *("reversed_slice", "rolled", "scrambled", "scrambled_images", "second_of_pair_reversed", "sequences_over_rows"),
    *("shifted", "softmax_over_rows", "sorted", "sum", "tokens_over_rows", "total", "twice"),
]


def _independent() -> dict[str, tuple[Callable[..., Any], Any]]:
    import tensorflow as tf

    def layer_norm(x: Any) -> Any:
        centred = x - tf.reduce_mean(x, -1, keepdims=True)
        return centred * tf.math.rsqrt(tf.reduce_mean(centred * centred, -1, keepdims=True) + 1e-3)

    def attention(x: Any) -> Any:
        return tf.matmul(tf.nn.softmax(tf.matmul(x, x, transpose_b=True)), x)

    return {
        "always_the_same": (lambda x: tf.cast(x * 0 > 1, tf.int32), VECTOR),
        "attention_over_time": (attention, SEQUENCE),
        "best_of_columns": (lambda x: tf.argmax(x, 1), VECTOR),
        "convolution": (lambda x: tf.nn.relu(tf.nn.conv2d(x, _weights(3, 3, 3, 5), 2, "SAME")), IMAGE),
        "cumulative_sum_over_columns": (lambda x: tf.cumsum(x, 1), VECTOR),
        "dense": (lambda x: tf.nn.softmax(tf.matmul(x, _weights(4, 3))), VECTOR),
        "flattened": (lambda x: tf.matmul(tf.reshape(x, [-1, 192]), _weights(192, 3)), IMAGE),
        "few_words": (lambda x: tf.gather(_weights(2, 3), x), TOKENS),
        "layer_norm": (layer_norm, VECTOR),
        "mean_over_time": (lambda x: tf.reduce_mean(x, 1), SEQUENCE),
        "normalised_over_time": (lambda x: tf.nn.softmax(x, 1), SEQUENCE),
        "pair": (lambda x, z: tf.concat([x, z], 1) * 2.0, PAIR),
        "rows_for_each_pixel": (lambda x: tf.reshape(tf.reshape(x, [-1, 3]) * 2.0, [-1, 8, 8, 3]), IMAGE),
        "there_and_back": (lambda x: tf.transpose(tf.transpose(x) * 2.0), VECTOR),
        "words": (lambda x: tf.gather(_weights(100, 3), x), TOKENS),
    }


INDEPENDENT = [
    *("always_the_same", "attention_over_time", "best_of_columns", "convolution", "cumulative_sum_over_columns"),
    *("dense", "few_words", "flattened", "layer_norm", "mean_over_time", "normalised_over_time", "pair"),
    *("rows_for_each_pixel", "there_and_back", "words"),
]


def joinable(folder: Path, function: Callable[..., Any], specs: Any, golden: Any = None) -> bool:
    save(Ask(function, specs, []), folder)
    signature = read_saved_model(folder).signatures[DEFAULT_SIGNATURE]
    built = build_signature(folder, signature, EngineOptions())
    try_joining(built, signature, EngineOptions(), golden)
    return built.description.joinable


@pytest.mark.parametrize("name", DEPENDENT)
def test_rows_that_depend_on_each_other_are_found(tmp_path: Path, name: str) -> None:
    assert not joinable(tmp_path / "1", *_dependent()[name])


@pytest.mark.parametrize("name", DEPENDENT)
def test_the_trial_alone_finds_them_too(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightship.engines.openvino.independence.mixing", lambda few, many: Mixing(None, False))
    assert not joinable(tmp_path / "1", *_dependent()[name])


@pytest.mark.parametrize("name", INDEPENDENT)
def test_independent_rows_are_found(tmp_path: Path, name: str) -> None:
    assert joinable(tmp_path / "1", *_independent()[name])


def test_the_tables_of_graphs_are_whole() -> None:
    assert sorted(_dependent()) == DEPENDENT
    assert sorted(_independent()) == INDEPENDENT
