"""OpenVINO would mistake a matrix for its transpose where both are used, so each gets its own copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.openvino.building import build_signature
from lightship.engines.openvino.runtime import openvino
from lightship.engines.openvino.shared_weights import copy_shared_weights
from lightship.saved_model.reader import read_saved_model

RANDOM = np.random.default_rng(7)

Compute = Callable[[Any, Any], Any]

USES: dict[str, tuple[tuple[int, ...], tuple[int | None, ...], Compute]] = {
    "one after the other": ((8, 8), (None, 8), lambda x, w: tf.matmul(tf.matmul(x, w), w, transpose_b=True)),
    "beside each other": ((8, 8), (None, 8), lambda x, w: tf.matmul(x, w) - tf.matmul(x, w, transpose_b=True)),
    "transposed first": ((8, 8), (None, 8), lambda x, w: tf.matmul(x, tf.transpose(w)) * tf.matmul(x, w)),
    "the exact map of a class": (
        (8, 8),
        (None, 8),
        lambda x, w: tf.matmul(x, w) - tf.matmul(x, tf.reshape(w, [-1, 8]), transpose_b=True),
    ),
    "in sums of products": (
        (8, 8),
        (None, 8),
        lambda x, w: tf.einsum("ij,kj->ik", tf.einsum("ij,jk->ik", x, w), w),
    ),
    "in another shape": (
        (4, 6),
        (None, 4),
        lambda x, w: tf.matmul(x, w) - tf.matmul(x, tf.reshape(w, [6, 4]), transpose_b=True),
    ),
    "through an activation": (
        (64, 64),
        (None, 64),
        lambda x, w: tf.matmul(tf.nn.relu(tf.matmul(x, w)), w, transpose_b=True),
    ),
    "several matrices": ((3, 5, 5), (3, None, 5), lambda x, w: tf.matmul(x, w) - tf.matmul(x, w, transpose_b=True)),
    "a convolution and its gradient": (
        (3, 3, 6, 6),
        (None, 9, 9, 6),
        lambda x, w: tf.nn.conv2d_transpose(tf.nn.conv2d(x, w, 1, "SAME"), w, tf.shape(x), 1, "SAME"),
    ),
}


class Sharing(tf.Module):  # type: ignore[misc]
    def __init__(self, weights: tuple[int, ...], compute: Compute) -> None:
        super().__init__()
        self.weights = tf.Variable(RANDOM.normal(size=weights).astype(np.float32))
        self.compute = compute

    def answer(self, x: Any) -> Any:
        return {"y": self.compute(x, self.weights)}


@pytest.mark.parametrize("name", USES)
def test_weights_that_are_used_in_two_ways_are_not_mistaken(name: str, tmp_path: Path) -> None:
    weights, shape, compute = USES[name]
    module = Sharing(weights, compute)
    answer = tf.function(module.answer, input_signature=[tf.TensorSpec(shape, tf.float32, "x")])
    module.answer_of = answer
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": answer})
    built = build_signature(tmp_path, read_saved_model(tmp_path).signatures["serving_default"], EngineOptions())
    x = RANDOM.normal(size=[size or 2 for size in shape]).astype(np.float32)
    for model in built.models.values():
        row = x[: model_rows(built, model, len(x))]
        np.testing.assert_allclose(
            model.run({"x": row}, ("y",))["y"], answer(tf.constant(row))["y"].numpy(), rtol=1e-4, atol=1e-3
        )


def model_rows(built: Any, model: Any, rows: int) -> int:
    return 1 if model is built.models.get("one_row") else rows


def products(*transposed: bool) -> Any:
    """A model that multiplies with the same matrix several times."""
    opset = openvino().opset13
    matrix = opset.constant(RANDOM.normal(size=(4, 4)).astype(np.float32))
    x = opset.parameter([-1, 4], np.float32)
    results = [opset.result(opset.matmul(x, matrix, False, one)) for one in transposed]
    return openvino().Model(results, [x])


def constants(model: Any) -> int:
    return sum(node.get_type_name() == "Constant" for node in model.get_ops())


def test_only_another_use_takes_memory() -> None:
    same, other = products(False, False), products(False, True)
    for model in (same, other):
        copy_shared_weights(model)
        copy_shared_weights(model)
    assert (constants(same), constants(other)) == (1, 2)


def test_weights_that_cannot_be_copied_are_left_to_tensorflow() -> None:
    opset = openvino().opset13
    narrow = opset.constant(RANDOM.normal(size=(4, 4)).astype(np.float16))
    matrix, x = opset.convert(narrow, "f32"), opset.parameter([-1, 4], np.float32)
    results = [opset.result(opset.matmul(x, matrix, False, one)) for one in (False, True)]
    with pytest.raises(CannotRun, match="mistake weights that are used in two ways"):
        copy_shared_weights(openvino().Model(results, [x]))


def test_a_constant_that_scales_an_input_is_no_weight() -> None:
    """As in attention: what is scaled is the first operand of one product, and the second of another."""
    opset = openvino().opset13
    scale, x = opset.constant(RANDOM.normal(size=(1, 4)).astype(np.float32)), opset.parameter([4, 4], np.float32)
    scaled = opset.multiply(scale, x)
    model = openvino().Model([opset.result(opset.matmul(scaled, scaled, False, True))], [x])
    copy_shared_weights(model)
    assert constants(model) == 1
