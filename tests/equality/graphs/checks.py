"""Checks that stand in the graph: they refuse what they were written to refuse."""

from __future__ import annotations

from tests.equality.ask import Ask, ask, batches, call, f32, i32, normal

NAN, INF = float("nan"), float("inf")
NUMBERS = [
    call(x=f32([[1, 2]])),
    call(x=f32([[1, 2], [3, 4], [5, 6]])),
    call("weights : Tensor had NaN values", x=f32([[1, NAN]])),
    call("weights : Tensor had NaN values", x=f32([[1, 2], [NAN, 1]])),
    call("weights : Tensor had Inf values", x=f32([[1, INF]])),
    call("weights : Tensor had Inf values", x=f32([[1, 2], [-INF, 1], [1, 1]])),
]
SIGNS = [
    call(x=f32([1])),
    call(x=f32([0, 1, 2])),
    call("x is negative", x=f32([-1])),
    call("x is negative", x=f32([0, 1, -2])),
]


def _non_negative(tf, x):
    tf.debugging.assert_non_negative(x, "x is negative")
    return tf.sqrt(x)


def _non_negative_as_dependency(tf, x):
    with tf.control_dependencies([tf.debugging.assert_non_negative(x, "x is negative")]):
        return tf.identity(x) * 2.0


def _assert(tf, x):
    tf.debugging.Assert(tf.reduce_all(x >= 0.0), ["x is negative", x])
    return x + 1.0


def _in_a_function(tf, x):
    @tf.function
    def checked(values):
        tf.debugging.assert_non_negative(values, "x is negative")
        return values * 3.0

    return checked(x)


def _equal_lengths(tf, x, y):
    tf.debugging.assert_equal(tf.shape(x), tf.shape(y), "x and y differ in length")
    return tf.reduce_sum(x) + tf.reduce_sum(y)


def _less(tf, i):
    tf.debugging.assert_less(i, 10, "an index is too large")
    return tf.one_hot(i, 10)


ASKS: list[Ask] = [
    *batches(
        "check_numerics",
        lambda tf, x: tf.debugging.check_numerics(x, "weights"),
        {"x": ("float32", ["B", 2])},
        NUMBERS,
        sizes=(None, 1),
    ),
    ask(
        "check_numerics_inside",
        lambda tf, x: tf.nn.relu(tf.debugging.check_numerics(x * 2.0, "weights")),
        {"x": ("float32", [None, 2])},
        NUMBERS,
    ),
    ask(
        "check_numerics_of_made_nan",
        lambda tf, x: tf.debugging.check_numerics(tf.math.log(x), "weights"),
        {"x": ("float32", [None])},
        [call(x=f32([1])), call("weights : Tensor had NaN", x=f32([-1])), call("weights : Tensor had", x=f32([1, 0]))],
    ),
    ask(
        "ensure_shape",
        lambda tf, x: tf.ensure_shape(x, [None, 3]) * 2.0,
        {"x": ("float32", [None, None])},
        [
            call(x=normal(1, 3)),
            call(x=normal(3, 3)),
            call("[1,4] is not compatible with expected shape [?,3]", x=normal(1, 4)),
            call("[3,2] is not compatible with expected shape [?,3]", x=normal(3, 2)),
        ],
    ),
    ask(
        "ensure_rows",
        lambda tf, x: tf.ensure_shape(x, [2, 3]),
        {"x": ("float32", [None, 3])},
        [
            call(x=normal(2, 3)),
            call("[1,3] is not compatible with expected shape [2,3]", x=normal(1, 3)),
            call("[3,3] is not compatible with expected shape [2,3]", x=normal(3, 3)),
        ],
    ),
    ask("assert_non_negative", _non_negative, {"x": ("float32", [None])}, SIGNS),
    ask("assert_as_dependency", _non_negative_as_dependency, {"x": ("float32", [None])}, SIGNS),
    ask("assert_itself", _assert, {"x": ("float32", [None])}, SIGNS),
    ask("assert_in_a_function", _in_a_function, {"x": ("float32", [None])}, SIGNS),
    ask(
        "assert_equal",
        _equal_lengths,
        {"x": ("float32", [None]), "y": ("float32", [None])},
        [
            call(x=f32([1]), y=f32([2])),
            call(x=f32([1, 2]), y=f32([2, 3])),
            call("x and y differ in length", x=f32([1]), y=f32([2, 3])),
        ],
    ),
    ask(
        "assert_less",
        _less,
        {"i": ("int32", [None])},
        [call(i=i32([9])), call(i=i32([1, 2, 3])), call("an index is too large", i=i32([1, 10]))],
    ),
]
