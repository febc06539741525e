"""OpenVINO moves transposes wrongly past a log-softmax and a tile, and computes a tile of four dimensions wrongly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.engines.openvino.same_answers import check_same_answers

from lightship.engines.base import CannotRun

KERNEL = tf.constant(np.random.default_rng(3).normal(size=(1, 1, 3, 4)).astype(np.float32))


def convolved(x: Any) -> Any:
    return tf.nn.conv2d(x, KERNEL, 1, "SAME")


MODELS: dict[str, tuple[tuple[int | None, ...], Callable[[Any], Any]]] = {
    "a log-softmax of a convolution": ((None, 5, 4, 3), lambda x: tf.nn.log_softmax(convolved(x))),
    "a log-softmax along another dimension": ((None, 5, 4, 3), lambda x: tf.nn.log_softmax(x, 1)),
    "the same with a declared batch": ((2, 5, 4), lambda x: tf.nn.log_softmax(x, 1)),
    "a tile of a convolution": ((None, 5, 4, 3), lambda x: tf.tile(convolved(x), [1, 2, 1, 1])),
    "the same with a declared batch, used on": (
        (2, 5, 4, 3),
        lambda x: convolved(tf.nn.relu(tf.tile(convolved(x), [1, 2, 1, 1]))[..., :3]),
    ),
    "what is pooled, for each pixel": (
        (None, 5, 4, 3),
        lambda x: tf.tile(tf.reduce_mean(convolved(x), [1, 2], keepdims=True), [1, 5, 4, 1]),
    ),
    "a tile along two dimensions": ((None, 1, 2, 5), lambda x: tf.tile(x, [1, 3, 1, 2])),
    "a tile of integers": ((None, 1, 2, 5), lambda x: tf.tile(tf.cast(x > 0, tf.int32), [1, 7, 1, 2])),
    "a tile of the batch": ((None, 1, 2, 5), lambda x: tf.tile(x, [3, 1, 1, 2])),
    "a tile for each row": (
        (None, 2, 2, 3),
        lambda x: x + tf.tile(tf.reshape(KERNEL, [1, 2, 2, 3]), tf.stack([tf.shape(x)[0], 1, 1, 1])),
    ),
    "a shift by no element": ((None, 3, 5), lambda x: tf.roll(x, 0, 1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_transposes_and_tiles_give_the_answers_of_tensorflow(name: str, tmp_path: Path) -> None:
    check_same_answers(*MODELS[name], tmp_path)


def test_a_tile_of_five_dimensions_by_unknown_repeats_is_refused(tmp_path: Path) -> None:
    def tiled(x: Any) -> Any:
        return tf.tile(tf.reshape(KERNEL, [1, 1, 2, 2, 3]), tf.stack([tf.shape(x)[0], 2, 2, 1, 1]))

    with pytest.raises(CannotRun, match="five or more dimensions"):
        check_same_answers((None, 4), tiled, tmp_path)
