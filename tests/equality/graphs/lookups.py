"""Graphs that OpenVINO compiled and then could not run."""

from __future__ import annotations

from tests.equality.ask import Ask, ask, batches, call, f32, i32, i64, normal

TABLE = normal(10, 4, seed=2)
SPARSE: dict[str, tuple[str, list[int | None | str]]] = {
    "indices": ("int64", [None, 2]),
    "values": ("int64", [None]),
    "shape": ("int64", [2]),
}
SOME = {"indices": i64([[0, 0], [0, 1], [2, 0]]), "values": i64([1, 9, 3]), "shape": i64([3, 2])}


def _safe(tf, table, indices, values, shape):
    return tf.nn.safe_embedding_lookup_sparse(table, tf.SparseTensor(indices, values, shape))


def _sparse_sum(tf, table, indices, values, shape):
    return tf.nn.embedding_lookup_sparse(table, tf.SparseTensor(indices, values, shape), None, combiner="sum")


def _to_dense(tf, indices, values, shape):
    return tf.sparse.to_dense(tf.SparseTensor(indices, values, shape), -1)


def _ragged(tf, x, splits):
    return tf.RaggedTensor.from_row_splits(x, splits).to_tensor()


def _partition(tf, x):
    low, high = tf.dynamic_partition(x, tf.cast(x > 0, tf.int32), 2)
    return {"low": low, "high": high}


def _loop(tf, x, n):
    return tf.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, v * 2.0), (tf.constant(0), x))[1]


ASKS: list[Ask] = [
    ask(
        "safe_embedding_lookup_sparse",
        _safe,
        SPARSE,
        [
            call(indices=i64([[0, 0]]), values=i64([9]), shape=i64([1, 1])),
            call(**SOME),
            call(indices=SOME["indices"], values=i64([1, -1, 3]), shape=SOME["shape"]),
            call(
                "indices[1] == 10 out of range [0, 10)",
                indices=SOME["indices"],
                values=i64([1, 10, 3]),
                shape=SOME["shape"],
            ),
        ],
        [TABLE],
    ),
    ask(
        "embedding_lookup_sparse_sum",
        _sparse_sum,
        SPARSE,
        [
            call(indices=i64([[0, 0]]), values=i64([9]), shape=i64([1, 1])),
            call(**SOME | {"indices": i64([[0, 0], [0, 1], [1, 0]])}),
            call("indices[0] == -1 out of range [0, 10)", indices=i64([[0, 0]]), values=i64([-1]), shape=i64([1, 1])),
        ],
        [TABLE],
    ),
    ask(
        "sparse_to_dense",
        _to_dense,
        SPARSE,
        [
            call(indices=i64([[0, 0]]), values=i64([9007199254740993]), shape=i64([1, 1])),
            call(**SOME),
            call(indices=i64([[0, 2]]), values=i64([1]), shape=i64([1, 2])),
            call("is repeated", indices=i64([[0, 0], [0, 0]]), values=i64([1, 2]), shape=i64([1, 2])),
        ],
    ),
    ask(
        "row_of_a_given_number",
        lambda tf, x, i: x[i],
        {"x": ("float32", [None, 3]), "i": ("int32", [])},
        [
            call(x=normal(1, 3), i=i32(0)),
            call(x=normal(3, 3), i=i32(2)),
            call(x=normal(3, 3), i=i32(-1)),
            call("slice index 1 of dimension 0 out of bounds", x=normal(1, 3), i=i32(1)),
            call("of dimension 0 out of bounds", x=normal(3, 3), i=i32(-4)),
        ],
    ),
    *batches(
        "row_of_a_static_batch",
        lambda tf, x, i: x[i],
        {"x": ("float32", ["B", 3]), "i": ("int32", [])},
        [
            call(x=normal(1, 3), i=i32(0)),
            call(x=normal(2, 3), i=i32(1)),
            call("slice index 2 of dimension 0 out of bounds", x=normal(1, 3), i=i32(2)),
            call("slice index 2 of dimension 0 out of bounds", x=normal(2, 3), i=i32(2)),
        ],
        sizes=(1, 2),
    ),
    ask(
        "rows_between",
        lambda tf, x, i, j: x[i:j],
        {"x": ("float32", [None, 3]), "i": ("int32", []), "j": ("int32", [])},
        [
            call(x=normal(1, 3), i=i32(0), j=i32(1)),
            call(x=normal(4, 3), i=i32(1), j=i32(-1)),
            call(x=normal(4, 3), i=i32(3), j=i32(1)),
            call(x=normal(4, 3), i=i32(2), j=i32(99)),
        ],
    ),
    ask(
        "ragged_to_tensor",
        _ragged,
        {"x": ("float32", [None]), "splits": ("int64", [None])},
        [
            call(x=f32([1]), splits=i64([0, 1])),
            call(x=f32([1, 2, 3]), splits=i64([0, 2, 2, 3])),
        ],
    ),
    ask("dynamic_partition", _partition, {"x": ("float32", [None])}, [call(x=f32([1])), call(x=f32([1, -1, 2]))]),
    ask(
        "while_loop",
        _loop,
        {"x": ("float32", [None]), "n": ("int32", [])},
        [call(x=f32([1]), n=i32(3)), call(x=f32([1, 2]), n=i32(0)), call(x=f32([1, 2, 3]), n=i32(1))],
    ),
]
