"""Indices, counts and sizes that TensorFlow checks: scatters, segments, slices, tiles, pads, ranges."""

from __future__ import annotations

from tests.equality.ask import Ask, ask, batches, call, f32, i32, i64, normal

SCATTERED: dict[str, tuple[str, list[int | None | str]]] = {"i": ("int32", [None, 1]), "u": ("float32", [None])}
UPDATED = {"x": ("float32", [5]), **SCATTERED}
SEGMENTS: dict[str, tuple[str, list[int | None | str]]] = {"x": ("float32", [None, 2]), "ids": ("int32", [None])}
FIVE = f32([1, 2, 3, 4, 5])


def _segments(*ids_and_texts):
    return [call(says, x=normal(len(ids), 2), ids=i32(ids)) for says, ids in ids_and_texts]


ASKS: list[Ask] = [
    ask(
        "scatter_nd",
        lambda tf, i, u: tf.scatter_nd(i, u, [5]),
        SCATTERED,
        [
            call(i=i32([[4]]), u=f32([1])),
            call(i=i32([[4], [0], [2]]), u=f32([1, 2, 3])),
            call(i=i32([[1], [1], [3], [1]]), u=f32([1, 2, 4, 8])),
            call("indices[0] = [-1] does not index into shape [5]", i=i32([[-1]]), u=f32([1])),
            call("indices[1] = [5] does not index into shape [5]", i=i32([[0], [5]]), u=f32([1, 2])),
        ],
    ),
    ask(
        "scatter_nd_int32",
        lambda tf, i, u: tf.scatter_nd(i, u, tf.constant([5, 2], tf.int64)),
        {"i": ("int64", [None, 1]), "u": ("int32", [None, 2])},
        [
            call(i=i64([[4]]), u=i32([[16777217, 1]])),
            call(i=i64([[1], [1]]), u=i32([[16777217, 1], [16777216, 2]])),
            call("does not index into shape [5,2]", i=i64([[1 << 40]]), u=i32([[1, 1]])),
        ],
    ),
    ask(
        "tensor_scatter_update",
        lambda tf, x, i, u: tf.tensor_scatter_nd_update(x, i, u),
        UPDATED,
        [
            call(x=FIVE, i=i32([[4]]), u=f32([9])),
            call(x=FIVE, i=i32([[4], [0]]), u=f32([9, 8])),
            call("does not index into shape [5]", x=FIVE, i=i32([[-1]]), u=f32([9])),
            call("does not index into shape [5]", x=FIVE, i=i32([[0], [5]]), u=f32([9, 8])),
        ],
    ),
    ask(
        "tensor_scatter_add",
        lambda tf, x, i, u: tf.tensor_scatter_nd_add(x, i, u),
        UPDATED,
        [
            call(x=FIVE, i=i32([[4]]), u=f32([9])),
            call(x=FIVE, i=i32([[2], [2], [0]]), u=f32([9, 8, 7])),
            call("does not index into shape [5]", x=FIVE, i=i32([[-1]]), u=f32([9])),
            call("does not index into shape [5]", x=FIVE, i=i32([[0], [5]]), u=f32([9, 8])),
        ],
    ),
    ask(
        "tensor_scatter_max",
        lambda tf, x, i, u: tf.tensor_scatter_nd_max(x, i, u),
        UPDATED,
        [
            call(x=FIVE, i=i32([[4]]), u=f32([9])),
            call(x=FIVE, i=i32([[2], [2], [0]]), u=f32([9, 8, -7])),
            call("does not index into shape [5]", x=FIVE, i=i32([[5]]), u=f32([9])),
        ],
    ),
    ask(
        "unsorted_segment_sum",
        lambda tf, x, ids: tf.math.unsorted_segment_sum(x, ids, 3),
        SEGMENTS,
        _segments(
            ("", [2]),
            ("", [0, 2, 0]),
            ("", [-1, 0, -1]),
            ("is out of range [0, 3)", [3]),
            ("is out of range [0, 3)", [0, 9]),
        ),
    ),
    ask(
        "unsorted_segment_max",
        lambda tf, x, ids: tf.math.unsorted_segment_max(x, ids, 3),
        SEGMENTS,
        _segments(("", [2]), ("", [0, 2, 0]), ("", [-1, 0]), ("is out of range [0, 3)", [0, 3])),
    ),
    ask(
        "segment_sum",
        lambda tf, x, ids: tf.math.segment_sum(x, ids),
        SEGMENTS,
        _segments(("", [0]), ("", [0, 0, 2]), ("segment ids are not increasing", [1, 0]), ("", [3])),
    ),
    ask(
        "segment_mean",
        lambda tf, x, ids: tf.math.segment_mean(x, ids),
        SEGMENTS,
        _segments(("", [0]), ("", [0, 0, 2]), ("segment ids are not increasing", [1, 0])),
    ),
    ask(
        "slice",
        lambda tf, x, begin, size: tf.slice(x, begin, size),
        {"x": ("float32", [None, 5]), "begin": ("int32", [2]), "size": ("int32", [2])},
        [
            call(x=normal(1, 5), begin=i32([0, 1]), size=i32([1, 4])),
            call(x=normal(3, 5), begin=i32([1, 1]), size=i32([2, -1])),
            call(x=normal(3, 5), begin=i32([3, 5]), size=i32([0, 0])),
            call("Expected size[1] in [0, 1], but got 3", x=normal(1, 5), begin=i32([0, 4]), size=i32([1, 3])),
            call("Expected begin[1] in [0, 5], but got 6", x=normal(3, 5), begin=i32([0, 6]), size=i32([1, 1])),
            call("Expected begin[0] in [0, 3], but got -1", x=normal(3, 5), begin=i32([-1, 0]), size=i32([1, 1])),
        ],
    ),
    *batches(
        "slice_of_two_rows",
        lambda tf, x: tf.slice(x, [1, 0], [1, 3]),
        {"x": ("float32", ["B", 5])},
        [call(x=normal(2, 5)), call(x=normal(3, 5)), call("Expected size[0] in [0, 0], but got 1", x=normal(1, 5))],
        sizes=(None, 2),
    ),
    ask(
        "tile",
        lambda tf, x, counts: tf.tile(x, counts),
        {"x": ("float32", [None, 2]), "counts": ("int32", [2])},
        [
            call(x=normal(1, 2), counts=i32([1, 3])),
            call(x=normal(2, 2), counts=i32([2, 1])),
            call(x=normal(2, 2), counts=i32([0, 1])),
            call("Expected multiples[1] >= 0, but got -1", x=normal(1, 2), counts=i32([1, -1])),
            call("Expected multiples[0] >= 0, but got -2", x=normal(2, 2), counts=i32([-2, 1])),
        ],
    ),
    ask(
        "pad",
        lambda tf, x, paddings: tf.pad(x, paddings),
        {"x": ("float32", [None, 2]), "paddings": ("int32", [2, 2])},
        [
            call(x=normal(1, 2), paddings=i32([[0, 0], [1, 2]])),
            call(x=normal(3, 2), paddings=i32([[1, 0], [0, 0]])),
            call("Paddings must be non-negative", x=normal(1, 2), paddings=i32([[0, 0], [-1, 0]])),
            call("Paddings must be non-negative", x=normal(3, 2), paddings=i32([[0, -1], [0, 0]])),
        ],
    ),
    ask(
        "range",
        lambda tf, start, limit: tf.range(start, limit),
        {"start": ("int32", []), "limit": ("int32", [])},
        [
            call(start=i32(0), limit=i32(3)),
            call(start=i32(-2), limit=i32(-1)),
            call(start=i32(2), limit=i32(2)),
            call("Requires start <= limit when delta > 0: 3/0", start=i32(3), limit=i32(0)),
        ],
    ),
    ask(
        "range_by_step",
        lambda tf, limit, delta: tf.range(0, limit, delta),
        {"limit": ("int32", []), "delta": ("int32", [])},
        [
            call(limit=i32(7), delta=i32(3)),
            call(limit=i32(-4), delta=i32(-3)),
            call("Requires delta != 0", limit=i32(3), delta=i32(0)),
            call("Requires start >= limit when delta < 0", limit=i32(3), delta=i32(-1)),
        ],
    ),
    ask(
        "one_hot",
        lambda tf, i: tf.one_hot(i, 4),
        {"i": ("int32", [None])},
        [call(i=i32([3])), call(i=i32([0, 4, -1, 2])), call(i=i32([-2147483648]))],
    ),
    ask(
        "one_hot_of_a_computed_depth",
        lambda tf, i, depth: tf.one_hot(i, depth),
        {"i": ("int32", [None]), "depth": ("int32", [])},
        [
            call(i=i32([1]), depth=i32(3)),
            call(i=i32([0, 5, 1]), depth=i32(2)),
            call(i=i32([0, 5, 1]), depth=i32(0)),
            call("depth must be non-negative", i=i32([1]), depth=i32(-1)),
        ],
    ),
    ask(
        "reverse_sequence",
        lambda tf, x, lengths: tf.reverse_sequence(x, lengths, seq_axis=1),
        {"x": ("float32", [None, 4]), "lengths": ("int32", [None])},
        [
            call(x=normal(1, 4), lengths=i32([3])),
            call(x=normal(3, 4), lengths=i32([0, 4, 2])),
            call("seq_lens", x=normal(1, 4), lengths=i32([5])),
            call("seq_lens", x=normal(2, 4), lengths=i32([1, -1])),
        ],
    ),
    ask(
        "fill",
        lambda tf, dims: tf.fill(dims, 1.5),
        {"dims": ("int32", [None])},
        [
            call(dims=i32([2])),
            call(dims=i32([2, 3])),
            call(dims=i32([0])),
            call("Dimension -1 must be >= 0", dims=i32([-1])),
        ],
    ),
    ask(
        "repeat",
        lambda tf, x, n: tf.repeat(x, n, 0),
        {"x": ("float32", [None, 2]), "n": ("int32", [None])},
        [
            call(x=normal(1, 2), n=i32([3])),
            call(x=normal(3, 2), n=i32([0, 2, 1])),
            call(x=normal(2, 2), n=i32([0, 0])),
        ],
    ),
    ask(
        "broadcast_to",
        lambda tf, x, shape: tf.broadcast_to(x, shape),
        {"x": ("float32", [None, 1]), "shape": ("int32", [2])},
        [
            call(x=normal(1, 1), shape=i32([3, 2])),
            call(x=normal(2, 1), shape=i32([2, 4])),
            call("ncompatible shapes", x=normal(2, 1), shape=i32([3, 4])),
        ],
    ),
    ask(
        "reshape_to_given",
        lambda tf, x, shape: tf.reshape(x, shape),
        {"x": ("float32", [None]), "shape": ("int32", [2])},
        [
            call(x=normal(6), shape=i32([2, 3])),
            call(x=normal(6), shape=i32([-1, 2])),
            call("Input to reshape is a tensor with 6 values", x=normal(6), shape=i32([2, 2])),
            call(x=normal(6), shape=i32([-1, 4])),
        ],
    ),
    ask(
        "column_of_a_given_number",
        lambda tf, x, i: x[:, i],
        {"x": ("float32", [None, 4]), "i": ("int32", [])},
        [
            call(x=normal(1, 4), i=i32(3)),
            call(x=normal(3, 4), i=i32(-4)),
            call("slice index 4 of dimension 1 out of bounds", x=normal(1, 4), i=i32(4)),
            call("of dimension 1 out of bounds", x=normal(3, 4), i=i32(-5)),
        ],
    ),
]
