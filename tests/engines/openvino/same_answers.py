"""Saves a function as a model, and asks the compiled models of it and TensorFlow the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from lightship.engines.base import EngineOptions
from lightship.engines.openvino.building import build_signature
from lightship.engines.openvino.description import ONE_ROW
from lightship.saved_model.reader import read_saved_model


def check_same_answers(shape: tuple[int | None, ...], compute: Callable[[Any], Any], folder: Path) -> None:
    """shape: of the one input, whose first dimension is the rows. Raises AssertionError, and CannotRun."""
    module = tf.Module()
    module.answer = tf.function(lambda x: {"y": compute(x)}, input_signature=[tf.TensorSpec(shape, tf.float32, "x")])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.answer})
    signature = read_saved_model(folder).signatures["serving_default"]
    built = build_signature(folder, signature, EngineOptions(threads=1, one_row="always"))
    for name, model in built.models.items():
        for rows in (1,) if name == ONE_ROW else (2, 3, 2) if shape[0] is None else (shape[0],):
            x = np.random.default_rng(rows).normal(size=(rows, *[size or 3 for size in shape[1:]])).astype(np.float32)
            found, expected = model.run({"x": x}, ("y",))["y"], module.answer(tf.constant(x))["y"].numpy()
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
