"""OpenVINO would add the first constant to every element of a reduction, and lose a transpose behind one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.engines.openvino.same_answers import check_same_answers

BIAS = tf.constant(np.linspace(-1, 2, 8).astype(np.float32))

MODELS: dict[str, tuple[tuple[int | None, ...], Callable[[Any], Any]]] = {
    "a mean and a bias": ((None, 8, 5), lambda x: tf.reduce_mean(x, -1) + BIAS),
    "with a declared batch": ((2, 8, 8), lambda x: BIAS - tf.reduce_max(x, 2)),
    "that keeps the dimension": ((None, 8, 5), lambda x: tf.reduce_sum(x, 2, keepdims=True) * BIAS[:, tf.newaxis]),
    "with activations between": ((None, 8, 5), lambda x: tf.nn.relu(tf.exp(-tf.reduce_min(x, 2)) * 2.0 * BIAS)),
    "of the rows": ((2, 8, 5), lambda x: tf.reduce_max(x, 0) + BIAS[:, tf.newaxis]),
    "and a batch normalisation": (
        (None, 8, 5),
        lambda x: tf.nn.batch_normalization(tf.reduce_mean(x, 2), BIAS, tf.exp(BIAS), BIAS, BIAS, 1e-3),
    ),
    "a maximum whose transpose moves a dimension of 1": (
        (None, 1, 3, 2),
        lambda x: tf.reduce_max(tf.transpose(x, [0, 3, 1, 2]), -1),
    ),
    "a mean whose transpose moves a dimension of 1": (
        (None, 1, 3, 2),
        lambda x: tf.transpose(tf.reduce_mean(x, 2), [0, 2, 1]),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_reductions_give_the_answers_of_tensorflow(name: str, tmp_path: Path) -> None:
    check_same_answers(*MODELS[name], tmp_path)
