"""Shapes with which LiteRT would end the process, or read memory that is not its own, are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.engines.litert.conftest import Open
from tests.tflite_models import converted

from lightship.errors import FailedPrecondition, InvalidArgument

pytest.importorskip("ai_edge_litert")

F32, I32 = tf.float32, tf.int32
ROWS = ("x", [None, 4], F32)
SEQUENCES = ("x", [None, None, 4], F32)
IMAGES = ("x", [None, None, None, 1], F32)
X = np.arange(1, 13, dtype=np.float32).reshape(3, 4)

Case = tuple[Callable[..., Any], list[Any]]


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: {"y": function(*given)}


def positive(x: Any) -> Any:
    """The rows that begin with a number above 0: perhaps none."""
    return tf.boolean_mask(x, x[:, 0] > 0)


def flat(x: Any) -> Any:
    return tf.reshape(x, [tf.shape(x)[0], -1])


def shortened(x: Any) -> Any:
    """A loop that takes away a row three times."""
    shapes = [tf.TensorShape([]), tf.TensorShape([None, 4])]
    return tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v[1:]), [0, x], shape_invariants=shapes)[1]


# A function, the shapes that it answers, those that it does not, and why.
VISIBLE: dict[str, tuple[Case, list[tuple[int, ...]], list[tuple[int, ...]], str]] = {
    "an element behind the end": (
        (lambda x: x[:, 2], [SEQUENCES]),
        [(2, 3, 4)],
        [(2, 2, 4)],
        r"STRIDED_SLICE takes the element 2 of a dimension of 2",
    ),
    "an element before the beginning": (
        (lambda x: x[:, -3], [SEQUENCES]),
        [(1, 3, 4)],
        [(1, 1, 4)],
        r"takes the element -3 of a dimension of 1",
    ),
    "a window larger than the image": (
        (lambda x: tf.nn.max_pool2d(x, [2, 3], 1, "VALID"), [IMAGES]),
        [(1, 2, 3, 1)],
        [(1, 2, 2, 1), (1, 1, 5, 1)],
        r"the window of its MAX_POOL_2D is 2x3, which is larger than the image of",
    ),
    "nothing left to reverse": (
        (lambda x: tf.reverse(x[:, 2:], [1]), [SEQUENCES]),
        [(1, 3, 4)],
        [(1, 2, 4)],
        r"would have a tensor of shape \[1, 0, 4\], without elements",
    ),
    "operands of different sizes": (
        (lambda x, y: tf.atan2(x, y), [ROWS, ("y", [None, 4], F32)]),
        [(2, 4), (2, 4)],
        [(3, 4), (2, 4)],
        r"the operands of its ATAN2 have different shapes: \[3, 4\], \[2, 4\]",
    ),
}


@pytest.mark.parametrize("name", VISIBLE)
def test_a_shape_that_litert_does_not_check_is_refused(opened: Open, name: str) -> None:
    (function, inputs), right, wrong, reason = VISIBLE[name]
    engine = opened(converted(named(function), *inputs), tflite_interpreters=1, trust=True)
    groups = ([right], [wrong]) if len(inputs) > 1 else ([[one] for one in right], [[one] for one in wrong])
    for _ in range(2):
        for shapes in groups[1]:
            with pytest.raises(InvalidArgument, match=reason):
                engine.run("serving_default", ones(inputs, shapes))
        for shapes in groups[0]:
            sent = ones(inputs, shapes)
            expected = function(*map(tf.constant, sent.values())).numpy()
            np.testing.assert_allclose(engine.run("serving_default", sent)["y"], expected, 1e-6)


def ones(inputs: list[Any], shapes: list[tuple[int, ...]]) -> Mapping[str, np.ndarray]:
    return {name: np.ones(shape, np.float32) for (name, _, _), shape in zip(inputs, shapes, strict=True)}


REFUSED: dict[str, tuple[str, Case]] = {
    "the first of none": ("STRIDED_SLICE", (lambda x: tf.where(x > 0)[0], [ROWS])),
    "any element": ("STRIDED_SLICE", (lambda x, i: x[i], [ROWS, ("i", [], I32)])),
    "an element of a computed shape": ("STRIDED_SLICE", (lambda x: flat(x)[:, 9], [SEQUENCES])),
    "an element of what a loop leaves": ("STRIDED_SLICE", (lambda x: shortened(x)[0], [ROWS])),
    "the order of none": ("REVERSE_V2", (lambda x: tf.reverse(positive(x), [0]), [ROWS])),
    "the probabilities of none": ("LOG_SOFTMAX", (lambda x: tf.nn.log_softmax(tf.transpose(positive(x))), [ROWS])),
    "a part of a computed shape": ("LOG_SOFTMAX", (lambda x: tf.nn.log_softmax(flat(x)[:, 9:]), [SEQUENCES])),
    "a dimension that may not be there": ("STRIDED_SLICE", (lambda x: x[:, 3], [("x", None, F32)])),
    "the size of such a dimension": ("STRIDED_SLICE", (lambda x: tf.shape(x)[2], [("x", None, F32)])),
    "as many as are positive": ("ATAN2", (lambda x: tf.atan2(positive(x)[:, 1], x[:, 1]), [ROWS])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_operation_for_which_values_decide_the_shape_is_refused_by_name(opened: Open, name: str) -> None:
    operation, (function, inputs) = REFUSED[name]
    data = converted(named(function), *inputs)
    with pytest.raises(FailedPrecondition, match=f"LiteRT's {operation} .*--allow-unproven {operation} lets it run"):
        opened(data, trust=True)
    opened(data, "allowed", trust=True, allow_unproven=frozenset({operation}))


ANSWERED: dict[str, Callable[..., Any]] = {
    "the last row": lambda x: x[-1],
    "the columns of those that are true": lambda x: tf.where(x > 0)[:, 1],
    "the probabilities of some rows": lambda x: tf.nn.softmax(positive(x)),
    "the mean of some rows": lambda x: tf.reduce_mean(positive(x), 0),
    "as many as there are rows": lambda x: tf.range(tf.shape(x)[0]),
    "all but the first row, flat": lambda x: tf.nn.softmax(flat(x[1:])),
    "a branch": lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x)[0],
    "a new dimension and an ellipsis": lambda x: x[..., None, -1],
    "the angle to a constant": lambda x: tf.atan2(x[:1], tf.constant([[1.0, 2.0, 3.0, 4.0]])),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_other_operations_are_answered(opened: Open, name: str) -> None:
    function = ANSWERED[name]
    engine = opened(converted(named(function), ROWS), trust=True)
    for x in (X, X - 5):
        answer = engine.run("serving_default", {"x": x})["y"]
        np.testing.assert_allclose(answer, function(tf.constant(x)).numpy(), 1e-6)


def test_no_rows_are_answered_where_each_row_has_one_of_the_answer(opened: Open) -> None:
    product = opened(converted(named(lambda x: x @ tf.ones([4, 2])), ROWS), "product", trust=True)
    assert product.run("serving_default", {"x": X[:0]})["y"].shape == (0, 2)
    reverse = opened(converted(named(lambda x: tf.reverse(x, [0])), ROWS), "reverse", trust=True)
    assert reverse.run("serving_default", {"x": X[:0]})["y"].shape == (0, 4)


@pytest.mark.parametrize(
    "function", [lambda x: x[-1], lambda x: tf.concat([x, tf.ones([1, 4])], 0), lambda x: tf.reduce_max(x, 0)]
)
def test_no_rows_are_refused_otherwise(opened: Open, function: Callable[..., Any]) -> None:
    """LiteRT would answer some of these with whatever is in its memory."""
    engine = opened(converted(named(function), ROWS), trust=True)
    with pytest.raises(InvalidArgument, match=r"of shape \[0,4\]: it does not compute with arrays that have no elem"):
        engine.run("serving_default", {"x": X[:0]})


@pytest.mark.parametrize("columns", [1 << 28, 1 << 60])
def test_no_rows_of_a_great_length_take_no_memory(opened: Open, columns: int) -> None:
    engine = opened(converted(named(lambda x: x * 2), ("x", [None, None], F32)), trust=True)
    with pytest.raises(InvalidArgument, match="arrays that have no elements"):
        engine.run("serving_default", {"x": np.empty((0, columns), np.float32)})


def test_an_image_without_pixels_is_refused(opened: Open) -> None:
    engine = opened(converted(named(lambda x: tf.image.resize(x, [2, 2])), IMAGES), trust=True)
    with pytest.raises(InvalidArgument, match="arrays that have no elements"):
        engine.run("serving_default", {"x": np.ones((1, 0, 3, 1), np.float32)})


def test_after_a_shape_that_litert_refuses_others_have_the_right_answers(opened: Open) -> None:
    """LiteRT itself would answer with what is left in its memory."""

    def pooled(x: Any) -> Any:
        return tf.nn.avg_pool2d(x[:, 2:], 2, 1, "SAME")

    engine = opened(converted(named(pooled), IMAGES), tflite_interpreters=1, trust=True)
    image = np.random.default_rng(0).normal(size=(2, 5, 6, 1)).astype(np.float32)
    for rows in (1, 2, 1):
        with pytest.raises(InvalidArgument, match="cannot run"):
            engine.run("serving_default", {"x": image[:rows, :2]})
        np.testing.assert_allclose(engine.run("serving_default", {"x": image})["y"], pooled(image), 1e-5, 1e-5)


def test_strings_of_which_none_is_left_are_strings(opened: Open) -> None:
    echo = converted(
        lambda x, i: {"y": tf.gather(x, tf.where(i > 0)[:, 0])}, ("x", [None], tf.string), ("i", [None], I32)
    )
    answer = opened(echo).run("serving_default", {"x": np.array([b"a"], object), "i": np.array([0], np.int32)})["y"]
    assert (answer.dtype, answer.shape) == (np.dtype(object), (0,))
