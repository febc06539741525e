"""Graphs of what runs in Python in front of a model: strings, lookup tables, counts and rows of different lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.families import raw
from conformance.graph import TYPES, Graph, Shape
from lightship import protos

TEXT: list[Shape] = [[None], [None, 2], []]
# The patterns of Keras' TextVectorization and others that are classes of characters, or plain texts.
PATTERNS = (
    "[!\"#$%&()\\*\\+,-\\./:;<=>?@\\[\\\\\\]^_`{|}~\\']",
    "[!]",
    "[a-c]",
    "[ae-]",
    "[ ]+",
    "[\\-.]+",
    "<br />",
    "red",
    " ",
)


def texts() -> Iterator[Graph]:
    for op in ("StringLower", "StringUpper", "StringStrip", "StringLength"):
        for shape in TEXT:
            yield Graph(op, {}, {}, [("x", "string", shape)], raw(op, 1, {}))
    for pattern in PATTERNS:
        for rewrite in ("", " ", "--"):
            chosen = {"pattern": pattern, "rewrite": rewrite}
            yield Graph(
                "StaticRegexReplace", {}, chosen, [("x", "string", [None])], raw("StaticRegexReplace", 1, chosen)
            )
    for separator in ("", " ", ",", ", "):

        def split(tf: Any, x: Any, separator: str = separator) -> Any:
            made = tf.raw_ops.StringSplitV2(input=x, sep=separator)
            return {"indices": made.indices, "values": made.values, "shape": made.shape}

        yield Graph("StringSplitV2", {}, {"sep": separator}, [("x", "string", [None])], split)
    for separator in ("", "_"):
        for shapes in ([[None], [None]], [[None, 2], []], [[], []]):
            inputs = [(name, "string", shape) for name, shape in zip("ab", shapes, strict=True)]
            yield Graph(
                "StringJoin",
                {},
                {"separator": separator},
                inputs,
                lambda tf, *parts, separator=separator: tf.raw_ops.StringJoin(inputs=parts, separator=separator),
            )
    for kind in ("int32", "int64"):
        yield Graph("AsString", {"T": kind}, {}, [("x", TYPES[kind], [None, 2])], raw("AsString", 1, {}))
    for op in ("Equal", "NotEqual"):
        inputs = [("a", "string", [None, 2]), ("b", "string", [2])]
        yield Graph(op, {"T": "string"}, {}, inputs, raw(op, 2, {}))
    inputs = [("c", "bool", [None, 2]), ("a", "string", [None, 2]), ("b", "string", [])]
    yield Graph("SelectV2", {"T": "string"}, {}, inputs, raw("SelectV2", 3, {}))


class Lookup:
    """Builds a lookup in a table."""

    def __init__(self, key: str, value: str) -> None:
        self._key, self._value, self._table = key, value, None

    def variables(self) -> list[Any]:
        return [self._table]

    def __call__(self, tf: Any, x: Any) -> Any:
        if self._table is None:
            contents = {"string": ["red", "", "é", "x,y,,z"], "int64": [3, -7, 2**40, 0]}
            with tf.init_scope():
                keys = tf.constant(contents[self._key], self._key)
                initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(contents[self._value], self._value))
                self._table = tf.lookup.StaticHashTable(initializer, "other" if self._value == "string" else -1)
        return {"found": self._table.lookup(x), "size": self._table.size()}


def tables() -> Iterator[Graph]:
    for key in ("string", "int64"):
        for value in ("string", "int64"):
            types = {"Tin": key, "Tout": value}
            yield Graph("LookupTableFindV2", types, {}, [("x", key, [None, 2])], Lookup(key, value))


def counts() -> Iterator[Graph]:
    for kind in ("int32", "int64"):
        for weight in ("float", "int32", "int64"):
            for binary in (False, True):
                for shape in ([None], [None, 4]):

                    def dense(tf: Any, x: Any, kind: str = kind, weight: str = weight, binary: bool = binary) -> Any:
                        size = tf.constant(4, TYPES[kind])
                        none = tf.constant([], TYPES[weight])
                        return tf.raw_ops.DenseBincount(input=x, size=size, weights=none, binary_output=binary)

                    types = {"Tidx": kind, "T": weight}
                    yield Graph("DenseBincount", types, {"binary_output": binary}, [("x", TYPES[kind], shape)], dense)
        for binary in (False, True):

            def ragged(tf: Any, x: Any, kind: str = kind, binary: bool = binary) -> Any:
                splits = tf.stack([0, 1, 1, tf.size(x, tf.int64)])
                none = tf.constant([], tf.int64)
                size = tf.constant(4, TYPES[kind])
                return tf.raw_ops.RaggedBincount(splits=splits, values=x, size=size, weights=none, binary_output=binary)

            inputs = [("x", TYPES[kind], [None])]
            yield Graph("RaggedBincount", {"Tidx": kind}, {"binary_output": binary}, inputs, ragged)
    for kind in ("float", "int32", "int64"):
        boundaries = {"boundaries": [-2.5, 0.0, 3.0]}
        yield Graph("Bucketize", {"T": kind}, {}, [("x", TYPES[kind], [None, 2])], raw("Bucketize", 1, boundaries))


def ragged_rows() -> Iterator[Graph]:
    for kind in ("string", "int64", "float32"):
        for shape in ([-1, -1], [-1, 2], [-1, 9], [2, -1], [2, 3]):
            for partition in ("ROW_SPLITS", "VALUE_ROWIDS"):

                def filled(tf: Any, x: Any, kind: str = kind, shape: Any = shape, partition: str = partition) -> Any:
                    if partition == "ROW_SPLITS":
                        parts, types = [tf.constant([0, 3, 3, 7], tf.int64)], ["ROW_SPLITS"]
                    else:
                        rows = tf.constant([0, 0, 1, 3, 3, 3, 4], tf.int64)
                        parts, types = [tf.constant(6, tf.int64), rows], ["FIRST_DIM_SIZE", partition]
                    return tf.raw_ops.RaggedTensorToTensor(
                        shape=tf.constant(shape, tf.int64),
                        values=x,
                        default_value=tf.constant("pad" if kind == "string" else 7, kind),
                        row_partition_tensors=parts,
                        row_partition_types=types,
                    )

                yield Graph("RaggedTensorToTensor", {"T": kind}, {}, [("x", kind, [7])], filled)


def one_hot() -> Iterator[Graph]:
    for kind in ("int32", "int64"):
        for value in ("float32", "int64", "int32"):
            for axis in (-1, 0, 1):

                def build(tf: Any, x: Any, value: str = value, axis: int = axis) -> Any:
                    on, off = tf.constant(5, value), tf.constant(-1, value)
                    return tf.raw_ops.OneHot(indices=x, depth=4, on_value=on, off_value=off, axis=axis)

                yield Graph("OneHot", {"TI": kind, "T": value}, {"axis": axis}, [("x", kind, [None, 3])], build)


def _example(**features: Any) -> bytes:
    made = protos.Example()
    for name, values in features.items():
        kind = {bytes: "bytes_list", int: "int64_list", float: "float_list"}[type(values[0]) if values else float]
        getattr(made.features.feature[name], kind).value.extend(values)
    return bytes(made.SerializeToString())


# What a model is asked with that takes `a`, a number, `b`, two integers or 0 and 7, and `c`, words.
EXAMPLES = (
    [_example(a=[1.5], b=[1, 2], c=[b"red", b""]), _example(a=[-0.0])],
    [_example(a=[1.5], c=[b"x"] * 5), _example(a=[float("nan")], b=[-1, 2**62]), _example(a=[3e38], unknown=[1])],
    [_example(b=[1, 2])],  # without what is required
    [_example(a=[1.0, 2.0])],
    [_example(a=[])],
    [_example(a=[1])],  # of another type
    [_example(a=[1.0], c=[1.0])],
    [_example(a=[1.0], b=[1])],
    [_example(a=[1.0], c=[b"1"]) + _example(a=[2.0])],
    [b""],
    [b"\xff\xff\xff"],
    [],
)


def examples() -> Iterator[Graph]:
    for rest in ("sparse", "padded"):

        def parsed(tf: Any, x: Any, rest: str = rest) -> Any:
            word = tf.io.VarLenFeature(tf.string)
            if rest == "padded":
                word = tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True, default_value="pad")
            number, pair = tf.io.FixedLenFeature([], tf.float32), tf.io.FixedLenFeature([2], tf.int64, [0, 7])
            found = tf.io.parse_example(x, {"a": number, "b": pair, "c": word})
            if rest == "padded":
                return dict(found)
            words = found.pop("c")
            return {**found, "indices": words.indices, "values": words.values, "shape": words.dense_shape}

        yield Graph("ParseExampleV2", {}, {"rest": rest}, [("x", "string", [None])], parsed, {"x": EXAMPLES})
    for kind in ("string", "int64", "float32"):

        def dense(tf: Any, x: Any, i: Any, kind: str = kind) -> Any:
            shape, other = tf.constant([3, 2], tf.int64), tf.constant("" if kind == "string" else 7, kind)
            return tf.raw_ops.SparseToDense(sparse_indices=i, output_shape=shape, sparse_values=x, default_value=other)

        indices = [
            [[0, 0], [1, 1]],
            [[0, 1], [2, 0]],
            [[0, 0], [3, 0]],
            [[1, 0], [0, 1]],
            [[1, 0], [1, 0]],
            [[-1, 0], [0, 1]],
        ]
        inputs: list[tuple[str, str, Shape]] = [("x", kind, [2]), ("i", "int64", [2, 2])]
        yield Graph("SparseToDense", {"T": kind}, {}, inputs, dense, {"i": indices})


def string_graphs() -> list[Graph]:
    makers = (texts, tables, counts, ragged_rows, one_hot, examples)
    return [graph for maker in makers for graph in maker()]
