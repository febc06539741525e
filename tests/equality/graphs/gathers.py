"""Gathers whose indices are computed or given: nothing outside a tensor may be read."""

from __future__ import annotations

from tests.equality.ask import Ask, ask, batches, call, f32, i32, i64, normal

ROWS = [call(x=normal(rows, 100)) for rows in (1, 2, 3)]
FRAMES = [call(x=normal(rows, 7, 4)) for rows in (1, 2, 3)]
TABLE = normal(10, 4, seed=2)
SMALL = normal(5, 3, seed=3)


def _top_k(tf, x):
    return tf.gather(x, tf.math.top_k(x, 5).indices, batch_dims=1)


def _argmax(tf, x):
    return tf.gather(x, tf.argmax(x, 1), batch_dims=1)


def _take_along_axis(tf, x):
    return tf.experimental.numpy.take_along_axis(x, tf.argsort(x, 1)[:, :3], 1)


def _frame_of_argmax(tf, x):
    return tf.gather(x, tf.argmax(x[:, :, 0], 1), batch_dims=1)


def _top_k_of_frames(tf, x):
    return tf.gather(x, tf.math.top_k(x, 2).indices, batch_dims=2)


def _pairs(tf, x):
    rows = tf.range(tf.shape(x)[0])
    return tf.gather_nd(x, tf.stack([rows, tf.argmax(x, 1, output_type=tf.int32)], 1))


def _picked(tf, table, indices):
    @tf.function
    def picked(indices):
        return tf.gather(table, indices)

    return picked(indices)


ASKS: list[Ask] = [
    *batches("gather_top_k", _top_k, {"x": ("float32", ["B", 100])}, ROWS),
    *batches("gather_argmax", _argmax, {"x": ("float32", ["B", 100])}, ROWS),
    *batches("take_along_axis", _take_along_axis, {"x": ("float32", ["B", 100])}, ROWS),
    *batches("gather_frame", _frame_of_argmax, {"x": ("float32", ["B", 7, 4])}, FRAMES),
    *batches("gather_two_batch_dims", _top_k_of_frames, {"x": ("float32", ["B", 7, 4])}, FRAMES, sizes=(None, 1)),
    *batches("gather_nd_pairs", _pairs, {"x": ("float32", ["B", 100])}, ROWS, sizes=(None, 1)),
    *batches(
        "gather_given_batch_dims",
        lambda tf, x, i: tf.gather(x, i, batch_dims=1),
        {"x": ("float32", ["B", 10]), "i": ("int32", ["B", 3])},
        [
            call(x=normal(1, 10), i=i32([[0, 9, 3]])),
            call(x=normal(2, 10), i=i32([[0, 9, 3], [1, 1, 8]])),
            call("is not in [0, 10)", x=normal(1, 10), i=i32([[0, 10, 3]])),
            call("is not in [0, 10)", x=normal(2, 10), i=i32([[0, 1, 3], [0, -1, 3]])),
            call("is not in [0, 10)", x=normal(2, 10), i=i32([[0, 1, 3], [0, 10, 3]])),
        ],
    ),
    ask(
        "gather_nd_rows",
        lambda tf, E, i: tf.gather_nd(E, i),
        {"i": ("int32", [None, 1])},
        [
            call(i=i32([[4]])),
            call(i=i32([[0], [4], [2]])),
            call("does not index into param shape [5,3]", i=i32([[5]])),
            call("does not index into param shape [5,3]", i=i32([[0], [1 << 30]])),
            call("does not index into param shape [5,3]", i=i32([[0], [-1]])),
        ],
        [SMALL],
    ),
    ask(
        "gather_nd_elements",
        lambda tf, x, i: tf.gather_nd(x, i),
        {"x": ("float32", [None, 3]), "i": ("int64", [None, 2])},
        [
            call(x=normal(2, 3), i=i64([[1, 2]])),
            call(x=normal(2, 3), i=i64([[1, 2], [0, 0], [1, 0]])),
            call("does not index into param shape [2,3]", x=normal(2, 3), i=i64([[2, 0]])),
            call("does not index into param shape [2,3]", x=normal(2, 3), i=i64([[0, 0], [0, 3]])),
            call("does not index into param shape [1,3]", x=normal(1, 3), i=i64([[1, 0]])),
        ],
    ),
    ask(
        "gather_constants",
        lambda tf, i: tf.gather(tf.constant([10, 20, 30]), i),
        {"i": ("int32", [None])},
        [
            call(i=i32([2])),
            call(i=i32([0, 2, 1, 1])),
            call("indices[0] = 9 is not in [0, 3)", i=i32([9])),
            call("indices[1] = -1 is not in [0, 3)", i=i32([0, -1])),
            call("indices[0] = 2147483647 is not in [0, 3)", i=i32([2147483647])),
        ],
    ),
    ask(
        "gather_constants_scalar",
        lambda tf, i: tf.gather(tf.constant([1.5, 2.5, 3.5]), i),
        {"i": ("int64", [])},
        [
            call(i=i64(2)),
            call("indices = 3 is not in [0, 3)", i=i64(3)),
            call("is not in [0, 3)", i=i64(-1)),
            call("is not in [0, 3)", i=i64(1 << 40)),
        ],
    ),
    ask(
        "gather_columns",
        lambda tf, x, i: tf.gather(x, i, axis=1),
        {"x": ("float32", [None, 4]), "i": ("int32", [None])},
        [
            call(x=normal(1, 4), i=i32([3])),
            call(x=normal(3, 4), i=i32([3, 0])),
            call("is not in [0, 4)", x=normal(1, 4), i=i32([4])),
            call("is not in [0, 4)", x=normal(3, 4), i=i32([0, -1])),
        ],
    ),
    *batches(
        "embedding",
        lambda tf, E, i: tf.nn.embedding_lookup(E, i),
        {"i": ("int32", ["B", 2])},
        [
            call(i=i32([[9, 0]])),
            call(i=i32([[9, 0], [3, 3]])),
            call(i=i32([[9, 0], [3, 3], [1, 2]])),
            call("indices[0,1] = 10 is not in [0, 10)", i=i32([[0, 10]])),
            call("indices[0,0] = -1 is not in [0, 10)", i=i32([[-1, 0]])),
            call("indices[1,0] = 10 is not in [0, 10)", i=i32([[0, 1], [10, 2]])),
            call("indices[0,1] = -2147483648 is not in [0, 10)", i=i32([[0, -2147483648], [1, 2]])),
        ],
        [TABLE],
    ),
    ask(
        "embedding_mean_score",
        lambda tf, E, i: tf.nn.sigmoid(tf.reduce_sum(tf.reduce_mean(tf.nn.embedding_lookup(E, i), 1), 1)),
        {"i": ("int64", [None, None])},
        [
            call(i=i64([[9, 0, 4]])),
            call(i=i64([[9, 0], [3, 3]])),
            call("indices[0,1] = 10 is not in [0, 10)", i=i64([[0, 10]])),
            call("is not in [0, 10)", i=i64([[0, 4294967296]])),
            call("indices[1,1] = -1 is not in [0, 10)", i=i64([[0, 1], [1, -1]])),
            call(i=i64([[], []])),
        ],
        [TABLE],
    ),
    ask(
        "gather_by_float",
        lambda tf, E, x: tf.gather(E, tf.cast(x, tf.int32)),
        {"x": ("float32", [None])},
        [
            call(x=f32([3.9])),
            call(x=f32([0.0, 9.5])),
            call("is not in [0, 10)", x=f32([10.0])),
            call("is not in [0, 10)", x=f32([1.0, float("nan")])),
        ],
        [TABLE],
    ),
    *batches(
        "rows_of_a_variable",
        lambda tf, table, i: tf.raw_ops.ResourceGather(resource=table.handle, indices=i, dtype=tf.float32),
        {"i": ("int32", ["B", 2])},
        [
            call(i=i32([[0, 9]])),
            call(i=i32([[3, 3], [9, 0]])),
            call("is not in [0, 10)", i=i32([[0, 10]])),
            call("is not in [0, 10)", i=i32([[0, 1], [-1, 2]])),
        ],
        [normal(10, 4)],
    ),
    ask(
        "constant_rows_in_a_function",
        lambda tf, table, x: x + _picked(tf, table.read_value(), tf.constant([0, 10])),
        {"x": ("float32", [None, 4])},
        [call("is not in [0, 10)", x=normal(2, 4)), call("is not in [0, 10)", x=normal(1, 4))],
        [normal(10, 4)],
    ),
    ask(
        "rows_of_a_function_called_twice",
        lambda tf, table, x: x + _picked(tf, table, tf.constant([0, 9])) + _picked(tf, table, tf.constant([1, 11])),
        {"x": ("float32", [None, 4])},
        [call("is not in [0, 10)", x=normal(2, 4)), call("is not in [0, 10)", x=normal(1, 4))],
        [normal(10, 4)],
    ),
    ask(
        "rows_of_a_range_too_long",
        lambda tf, table, x: x + tf.reduce_sum(tf.gather(table, tf.range(tf.constant(0), 12, 1)), 0),
        {"x": ("float32", [None, 4])},
        [call("is not in [0, 10)", x=normal(2, 4)), call("is not in [0, 10)", x=normal(1, 4))],
        [normal(10, 4)],
    ),
    ask(
        "embedding_of_positions",
        lambda tf, table, x: x + tf.gather(table, tf.range(tf.constant(0), 10, 1)),
        {"x": ("float32", [None, 10, 4])},
        [call(x=normal(2, 10, 4)), call(x=normal(1, 10, 4))],
        [normal(10, 4)],
    ),
    ask(
        "quotients_of_positions",
        lambda tf, x: x * tf.cast(tf.range(tf.constant(0), 4, 1) // 2, tf.float32),
        {"x": ("float32", [None, 4])},
        [call(x=normal(2, 4)), call(x=normal(1, 4))],
    ),
    ask(
        "quotients_of_positions_by_zero",
        lambda tf, x: x * tf.cast(tf.range(tf.constant(0), 4, 1) // tf.constant([1, 2, 0, 1]), tf.float32),
        {"x": ("float32", [None, 4])},
        [call("Integer division by zero", x=normal(2, 4)), call("Integer division by zero", x=normal(1, 4))],
    ),
    ask(
        "constant_rows_of_a_variable",
        lambda tf, table, x: x + tf.gather(table, [0, 12]),
        {"x": ("float32", [None, 4])},
        [call("is not in [0, 10)", x=normal(2, 4)), call("is not in [0, 10)", x=normal(1, 4))],
        [normal(10, 4)],
    ),
    ask(
        "constant_rows_of_what_a_variable_holds",
        lambda tf, table, x: x + tf.gather(table.read_value(), [0, -1]),
        {"x": ("float32", [None, 4])},
        [call("is not in [0, 10)", x=normal(2, 4)), call("is not in [0, 10)", x=normal(1, 4))],
        [normal(10, 4)],
    ),
    ask(
        "constant_positions_of_what_a_variable_holds",
        lambda tf, table, x: x + tf.gather_nd(table.read_value(), [[0], [10]]),
        {"x": ("float32", [None, 4])},
        [call("does not index into", x=normal(2, 4)), call("does not index into", x=normal(1, 4))],
        [normal(10, 4)],
    ),
]
