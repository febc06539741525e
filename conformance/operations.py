"""Every operation that the table may hold, with the graphs that prove it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from conformance.families import FEW, binary, choices, raw, reduced, unary, with_constants
from conformance.graph import TYPES, Graph, Shape

NUMBERS = "float int32 int64"
ANY = "float int32 int64 bool"


def i32(*values: int) -> Any:
    return np.array(values, np.int32)


def elementwise() -> Iterator[Graph]:
    yield from unary("Abs Neg Sign Square", NUMBERS)
    yield from unary("Sqrt Rsqrt Exp Log Sigmoid Tanh Relu Relu6 Elu Selu Softplus Softsign Erf Erfc Floor Ceil Round")
    yield from unary("Tan Asin Acos Sinh Cosh Acosh Atanh", shapes=FEW)
    yield from unary("Sin Cos Atan Asinh Reciprocal IsNan IsInf IsFinite Softmax LogSoftmax", shapes=FEW)
    yield from unary("LeakyRelu", attributes={"alpha": (0.2, 0.0, 1.5)}, shapes=FEW)
    yield from unary("Identity StopGradient ZerosLike OnesLike", ANY, shapes=FEW)
    yield from unary("LogicalNot", "bool", key="")
    for op in ("Shape", "Size"):
        for out in ("int32", "int64"):
            yield from unary(op, ANY, {"out_type": (out,)}, FEW)
    yield from binary("AddV2 Add Sub Mul Maximum Minimum SquaredDifference", NUMBERS)
    yield from binary("RealDiv DivNoNan")
    yield from binary("Pow", positive=True)
    # Of floats, OpenVINO may multiply by a reciprocal: 3.4157894 // 3.4157894 was 0.
    yield from binary("FloorDiv FloorMod", "int32 int64")
    yield from binary("Equal NotEqual Less LessEqual Greater GreaterEqual", NUMBERS)
    yield from binary("LogicalAnd LogicalOr", "bool")
    for source in ("float", "int32", "int64", "bool", "uint8", "int8"):
        for target in TYPES:
            types = {"SrcT": source, "DstT": target}
            for shape in FEW:
                yield Graph("Cast", types, {}, [("x", TYPES[source], shape)], raw("Cast", 1, {"DstT": target}))
    for kind in ANY.split():
        for shape in FEW:
            inputs = [("c", "bool", shape), ("a", TYPES[kind], shape), ("b", TYPES[kind], shape)]
            yield Graph("SelectV2", {"T": kind}, {}, inputs, raw("SelectV2", 3, {}))
    yield with_constants(
        "SelectV2", {"T": "float"}, {}, [("bool", [None, 1]), ("float", [None, 4])], {2: np.float32(0)}
    )
    for kind, low, high in (("float", np.float32(-1), np.float32(2)), ("int32", np.int32(-1), np.int32(2))):
        yield with_constants("ClipByValue", {"T": kind}, {}, [(kind, [None, 4])], {1: low, 2: high})
    for kind in NUMBERS.split():
        yield Graph(
            "AddN",
            {"T": kind},
            {},
            [("a", TYPES[kind], [None, 4]), ("b", TYPES[kind], [None, 4])],
            lambda tf, a, b: tf.raw_ops.AddN(inputs=[a, b]),
        )


def of_two_shapes() -> Iterator[Graph]:
    """Operands of one row and of three, which these operations refuse: an engine that repeats the row is wrong."""
    one, three = [np.ones((1, 4))], [np.ones((3, 4))]
    builds = {
        "AddN": lambda tf, a, b: tf.raw_ops.AddN(inputs=[a, b]),
        "ClipByValue": lambda tf, a, b: tf.raw_ops.ClipByValue(t=a, clip_value_min=b, clip_value_max=b + 1),
    }
    for op, build in builds.items():
        for kind in NUMBERS.split():
            inputs: list[tuple[str, str, Shape]] = [(name, TYPES[kind], [None, 4]) for name in "ab"]
            yield Graph(op, {"T": kind}, {}, inputs, build, fixed={"a": one, "b": three})
    for equation, left, right in (("bij,bjk->bik", (1, 2, 3), (3, 3, 4)), ("ab,bc->ac", (2, 1), (4, 3))):
        shapes: list[Shape] = [[None, *left[1:]], [None, *right[1:]]] if equation[0] == "b" else [[None, None]] * 2
        yield Graph(
            *("Einsum", {"T": "float"}, {"equation": equation, "N": 2}),
            [("a", "float32", shapes[0]), ("b", "float32", shapes[1])],
            lambda tf, a, b, equation=equation: tf.raw_ops.Einsum(inputs=[a, b], equation=equation),
            fixed={"a": [np.ones(left)], "b": [np.ones(right)]},
        )


def reductions() -> Iterator[Graph]:
    yield from reduced("Sum Max Min Prod", NUMBERS)
    yield from reduced("Mean")
    yield from reduced("All Any", "bool")
    for op in ("Prod", "Max", "Min", "Sum"):  # of sizes
        for picked in ([0], [0, 1], [1, 2]):

            def of_sizes(tf: Any, x: Any, op: str = op, picked: Any = picked) -> Any:
                sizes = tf.gather(tf.shape(x), picked)
                return raw(op, 2, {}, {0: sizes, 1: tf.constant([0], tf.int32)})(tf)

            yield Graph(op, {"T": "int32", "Tidx": "int32"}, {}, [("x", "float32", [None, None, 3])], of_sizes)
    for op in ("ArgMax", "ArgMin"):
        for kind in ("float", "int32"):
            for out in ("int32", "int64"):
                for axis in (0, 1, -1):
                    yield with_constants(
                        op,
                        {"T": kind, "Tidx": "int32", "output_type": out},
                        {"output_type": out},
                        [(kind, [None, 4])],
                        {1: np.int32(axis)},
                    )
    for exclusive in (False, True):
        for reverse in (False, True):
            for axis in (0, 1):
                yield with_constants(
                    "Cumsum",
                    {"T": "float", "Tidx": "int32"},
                    {"exclusive": exclusive, "reverse": reverse},
                    [("float", [None, 4])],
                    {1: np.int32(axis)},
                )
    for count in (1, 2, 4):
        yield with_constants(
            "TopKV2",
            {"T": "float", "Tk": "int32", "index_type": "int32"},
            {"sorted": True},
            [("float", [None, 4])],
            {1: np.int32(count)},
        )


def moves() -> Iterator[Graph]:
    for kind in ANY.split():
        key = {"T": kind}
        for target in ((-1,), (-1, 2), (2, -1), (-1, 1, 4), (4, -1)):
            yield with_constants("Reshape", {**key, "Tshape": "int32"}, {}, [(kind, [None, 4])], {1: i32(*target)})
        yield with_constants(
            "Reshape",
            {**key, "Tshape": "int32"},
            {},
            [(kind, [None, 2, 3])],
            {1: lambda tf, x: tf.stack([tf.shape(x)[0] * tf.shape(x)[1], 3])},
        )
        for dims in ([], [1], [-1]):
            yield Graph(
                "Squeeze",
                key,
                {"squeeze_dims": dims},
                [("x", TYPES[kind], [None, 1])],
                lambda tf, x, dims=dims: tf.raw_ops.Squeeze(input=x, axis=dims),
            )
        for axis in (0, 1, -1):
            yield with_constants("ExpandDims", {**key, "Tdim": "int32"}, {}, [(kind, [None, 4])], {1: np.int32(axis)})
            yield Graph(
                "Pack",
                key,
                {"axis": axis, "N": 2},
                [("a", TYPES[kind], [None, 4]), ("b", TYPES[kind], [None, 4])],
                lambda tf, a, b, axis=axis: tf.raw_ops.Pack(values=[a, b], axis=axis),
            )
            for shapes in (([None, 4], [None, 4]), ([1, 4], [1, 4])):
                yield Graph(
                    "ConcatV2",
                    {**key, "Tidx": "int32"},
                    {"N": 2},
                    [("a", TYPES[kind], list(shapes[0])), ("b", TYPES[kind], list(shapes[1]))],
                    lambda tf, a, b, axis=axis: tf.raw_ops.ConcatV2(values=[a, b], axis=axis),
                )
        for order, shape in (
            ((1, 0), [None, 4]),
            ((0, 2, 1), [None, 2, 3]),
            ((2, 0, 1), [None, 2, 3]),
            ((0, 3, 1, 2), [1, 2, 3, 2]),
        ):
            yield with_constants("Transpose", {**key, "Tperm": "int32"}, {}, [(kind, list(shape))], {1: i32(*order)})
        for axis, num in ((1, 4), (0, 2)):
            shape: Shape = [None, 4] if axis else [2, 3]
            yield Graph(
                "Unpack",
                key,
                {"axis": axis, "num": num},
                [("x", TYPES[kind], shape)],
                lambda tf, x, axis=axis, num=num: dict(enumerate_("y", tf.raw_ops.Unpack(value=x, num=num, axis=axis))),
            )
        for axis, num in ((1, 2), (-1, 4)):
            yield Graph(
                "Split",
                key,
                {"num_split": num},
                [("x", TYPES[kind], [None, 4])],
                lambda tf, x, axis=axis, num=num: dict(
                    enumerate_("y", tf.raw_ops.Split(axis=axis, value=x, num_split=num))
                ),
            )
        yield Graph(
            "SplitV",
            {**key, "Tlen": "int32"},
            {"num_split": 2},
            [("x", TYPES[kind], [None, 4])],
            lambda tf, x: dict(enumerate_("y", tf.raw_ops.SplitV(value=x, size_splits=i32(1, 3), axis=1, num_split=2))),
        )
        for begin, size in (((0, 1), (-1, 2)), ((0, 0), (-1, -1)), ((1, 0), (1, 4)), ((0, 3), (-1, 1))):
            yield with_constants(
                "Slice", {**key, "Index": "int32"}, {}, [(kind, [None, 4])], {1: i32(*begin), 2: i32(*size)}
            )
        yield from strided(kind)
        for repeats in ((1, 2), (2, 1), (3, 3)):
            yield with_constants("Tile", {**key, "Tmultiples": "int32"}, {}, [(kind, [None, 4])], {1: i32(*repeats)})
        for axis in ([0], [1], [0, 1], [-1]):
            yield with_constants("ReverseV2", {**key, "Tidx": "int32"}, {}, [(kind, [None, 4])], {1: i32(*axis)})
        yield with_constants(
            "BroadcastTo",
            {**key, "Tidx": "int32"},
            {},
            [(kind, [None, 1])],
            {1: lambda tf, x: tf.stack([tf.shape(x)[0], 4])},
        )
        yield with_constants(
            "Fill",
            {**key, "index_type": "int32"},
            {},
            [(kind, [None, 4])],
            {0: lambda tf, x: tf.shape(x), 1: lambda tf, x: tf.reduce_any(x) if x.dtype.is_bool else x[0, 0]},
        )
        yield with_constants(
            "Fill",
            {**key, "index_type": "int32"},
            {},
            [(kind, [None, 4])],
            {0: lambda tf, x: tf.stack([tf.shape(x)[0], 2]), 1: lambda tf, x: tf.cast(1, x.dtype)},
        )
    for kind in NUMBERS.split():
        key = {"T": kind, "Tpaddings": "int32"}
        for amounts in ([[0, 0], [1, 2]], [[1, 1], [0, 0]], [[0, 0], [0, 0]]):
            yield with_constants("Pad", key, {}, [(kind, [None, 4])], {1: np.array(amounts, np.int32)})
            yield with_constants(
                "PadV2", key, {}, [(kind, [None, 4])], {1: np.array(amounts, np.int32), 2: np.asarray(7, TYPES[kind])}
            )
            for mode in ("REFLECT", "SYMMETRIC"):
                yield with_constants(
                    "MirrorPad", key, {"mode": mode}, [(kind, [None, 4])], {1: np.array(amounts, np.int32)}
                )
    for limit in (lambda tf, x: tf.shape(x)[0], lambda tf, x: tf.shape(x)[0] * 2):
        yield with_constants(
            "Range", {"Tidx": "int32"}, {}, [("float", [None, 4])], {0: np.int32(0), 1: limit, 2: np.int32(1)}
        )
        yield with_constants(
            "Range", {"Tidx": "int32"}, {}, [("float", [None, 4])], {0: np.int32(1), 1: limit, 2: np.int32(2)}
        )
    for (shift, axis), kind in product(((1, 1), (-3, 0), (5, 1)), ANY.split()):
        types = {"T": kind, "Tshift": "int32", "Taxis": "int32"}
        yield with_constants("Roll", types, {}, [(kind, [None, 4])], {1: np.int32(shift), 2: np.int32(axis)})


def enumerate_(prefix: str, tensors: Any) -> Iterator[tuple[str, Any]]:
    return ((f"{prefix}{index}", tensor) for index, tensor in enumerate(tensors))


def strided(kind: str) -> Iterator[Graph]:
    cuts = (
        (lambda x: x[:, 1]),
        (lambda x: x[:, -1]),
        (lambda x: x[0]),
        (lambda x: x[:, 1:3]),
        (lambda x: x[..., 0]),
        (lambda x: x[:, None]),
        (lambda x: x[:, ::2]),
        (lambda x: x[:, ::-1]),
        (lambda x: x[1:]),
        (lambda x: x[-1:, :2]),
        (lambda x: x[::2, 3]),
        (lambda x: x[..., None]),
    )
    for cut in cuts:
        for shape in ([None, 4], [1, 4], [None, 4, 2]):
            yield Graph(
                "StridedSlice",
                {"T": kind, "Index": "int32"},
                {},
                [("x", TYPES[kind], list(shape))],
                lambda tf, x, cut=cut: cut(x),
            )


def lookups() -> Iterator[Graph]:
    table = np.arange(40, dtype=np.float32).reshape(10, 4)
    edges = [[[0, 9]], [[3, 3]], [[5, 1]], [[0, 10]], [[-1, 2]], [[9, 0]], [[4, 2]], [[2**31 - 1, 0]], [[1, 0]]]
    for kind in ("int32", "int64"):
        for rows in (table, table.astype(np.int32)):
            types = {"Tparams": "float" if rows is table else "int32", "Tindices": kind, "Taxis": "int32"}
            for shape in ([None, 2], [1, 2]):
                yield with_constants(
                    "GatherV2", types, {}, [(kind, list(shape))], {0: rows, 2: np.int32(0)}, fixed={"x0": edges}
                )
        for shape in ([None, 2], [1, 2]):
            types = {"dtype": "float", "Tindices": kind}
            yield Graph(
                "ResourceGather", types, {}, [("x", TYPES[kind], list(shape))], _of_variable(table), {"x": edges}
            )
        types = {"Tparams": "float", "Tindices": kind, "Taxis": "int32"}
        columns = [[0, 3], [1, 1], [2, 0], [0, 4], [-1, 0], [3, 3], [0], [1], [2]]
        for shape in ([None, 4], [None, None]):
            yield with_constants(
                "GatherV2",
                types,
                {},
                [("float", list(shape)), (kind, [None])],
                {2: np.int32(1)},
                fixed={"x1": columns, "x0": [np.ones((2, 4)) * np.arange(4)]},
            )
        positions = [[[0, 1]], [[9, 3]], [[2, 2], [2, 2]], [[10, 0]], [[0, -1]], [[0, 4]], [[1, 1]], [[2, 3]], [[3, 0]]]
        yield with_constants(
            "GatherNd",
            {"Tparams": "float", "Tindices": kind},
            {},
            [(kind, [None, 2])],
            {0: table},
            fixed={"x0": positions},
        )
        for axis in (-1, 0):
            yield with_constants(
                "OneHot",
                {"T": "float", "TI": kind},
                {"axis": axis},
                [(kind, [None])],
                {1: np.int32(3), 2: np.float32(1), 3: np.float32(0)},
            )


def _of_variable(table: Any) -> Any:
    """Rows of a variable, as models of TensorFlow 2's own layers look them up."""
    made: list[Any] = []

    def build(tf: Any, indices: Any) -> Any:
        if not made:
            with tf.init_scope():
                made.append(tf.Variable(table))
        return tf.raw_ops.ResourceGather(resource=made[0].handle, indices=indices, dtype=tf.float32)

    build.variables = lambda: made  # type: ignore[attr-defined]
    return build


def layers() -> Iterator[Graph]:
    weights = np.sin(np.arange(4 * 3, dtype=np.float32)).reshape(4, 3)
    for a in (False, True):
        for b in (False, True):
            chosen = {"transpose_a": a, "transpose_b": b}
            second = weights.T.copy() if b else weights
            yield with_constants("MatMul", {"T": "float"}, chosen, [("float", [4, 2] if a else [None, 4])], {1: second})
            yield with_constants("MatMul", {"T": "float"}, chosen, [("float", [4, 1] if a else [1, 4])], {1: second})
            left: Shape = [None, 2, 4, 3] if a else [None, 2, 3, 4]
            right: Shape = [None, 2, 5, 4] if b else [None, 2, 4, 5]
            yield Graph(
                "BatchMatMulV2",
                {"T": "float"},
                {"adj_x": a, "adj_y": b},
                [("a", "float32", left), ("b", "float32", right)],
                raw("BatchMatMulV2", 2, {"adj_x": a, "adj_y": b}),
            )
    yield with_constants(
        "MatMul", {"T": "int32"}, {}, [("int32", [None, 4])], {1: np.arange(12, dtype=np.int32).reshape(4, 3)}
    )
    yield with_constants("BiasAdd", {"T": "float"}, {}, [("float", [None, 4])], {1: np.arange(4, dtype=np.float32)})
    yield with_constants(
        "BiasAdd", {"T": "float"}, {}, [("float", [None, 2, 3, 4])], {1: np.arange(4, dtype=np.float32)}
    )
    for equation, shapes in (
        ("ab,bc->ac", ([None, 4], [4, 3])),
        ("abc,cde->abde", ([None, 3, 4], [4, 2, 3])),
        ("abcd,cde->abe", ([None, 3, 4, 2], [4, 2, 3])),
        ("BTNH,BSNH->BNTS", ([None, 3, 2, 4], [None, 3, 2, 4])),
        ("BNTS,BSNH->BTNH", ([None, 2, 3, 3], [None, 3, 2, 4])),
        ("aecd,abcd->acbe", ([None, 3, 2, 4], [None, 3, 2, 4])),
        ("acbe,aecd->abcd", ([None, 2, 3, 3], [None, 3, 2, 4])),
        ("bij,bjk->bik", ([None, 2, 3], [None, 3, 4])),
        ("...ij,jk->...ik", ([None, 2, 3], [3, 4])),
    ):
        yield Graph(
            "Einsum",
            {"T": "float"},
            {"equation": equation, "N": 2},
            [("a", "float32", list(shapes[0])), ("b", "float32", list(shapes[1]))],
            lambda tf, a, b, equation=equation: tf.raw_ops.Einsum(inputs=[a, b], equation=equation),
        )
    yield from convolutions()


def convolutions() -> Iterator[Graph]:
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(3, 3, 4, 6)).astype(np.float32)
    depth = rng.normal(size=(3, 3, 4, 2)).astype(np.float32)
    image: tuple[Shape, ...] = ([None, 8, 9, 4], [1, 8, 9, 4])
    attributes = {
        "strides": ((1, 1, 1, 1), (1, 2, 2, 1), (1, 4, 4, 1)),
        "padding": ("SAME", "VALID"),
    }
    for rate in (2, 3, 4):
        for padding in ("SAME", "VALID"):
            chosen = {"strides": [1, 1, 1, 1], "padding": padding, "dilations": [1, rate, rate, 1]}
            yield with_constants("Conv2D", {"T": "float"}, chosen, [("float", [None, 10, 11, 4])], {1: kernel})
    for chosen in choices(attributes):
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}
        for shape in image:
            yield with_constants("Conv2D", {"T": "float"}, listed, [("float", list(shape))], {1: kernel})
            yield with_constants("DepthwiseConv2dNative", {"T": "float"}, listed, [("float", list(shape))], {1: depth})
    for size in (1, 5):
        yield with_constants(
            "Conv2D",
            {"T": "float"},
            {"strides": [1, 1, 1, 1], "padding": "SAME"},
            [("float", [None, 8, 9, 4])],
            {1: rng.normal(size=(size, size, 4, 3)).astype(np.float32)},
        )
    for op in ("MaxPool", "AvgPool"):
        for ksize in ([1, 2, 2, 1], [1, 3, 3, 1], [1, 1, 1, 1]):
            for strides in ([1, 1, 1, 1], [1, 2, 2, 1]):
                for padding in ("SAME", "VALID"):
                    chosen = {"ksize": ksize, "strides": strides, "padding": padding}
                    for shape in image:
                        yield Graph(op, {"T": "float"}, chosen, [("x", "float32", list(shape))], raw(op, 1, chosen))
    for strides, padding in (([1, 2, 2, 1], "SAME"), ([1, 1, 1, 1], "VALID")):
        size = [8, 8] if padding == "SAME" else [6, 6]
        back = rng.normal(size=(3, 3, 5, 4)).astype(np.float32)
        yield with_constants(
            "Conv2DBackpropInput",
            {"T": "float"},
            {"strides": strides, "padding": padding},
            [("float", [None, 4, 4, 4])],
            {0: lambda tf, x, size=size: tf.stack([tf.shape(x)[0], *size, 5]), 1: back},
        )
    statistics = [
        np.array([1, 2, 0.5, 3], np.float32),
        np.array([0, 1, -1, 2], np.float32),
        np.array([0.1, 0, 2, -1], np.float32),
        np.array([1, 0.5, 2, 4], np.float32),
    ]
    yield Graph(
        "FusedBatchNormV3",
        {"T": "float", "U": "float"},
        {"is_training": False, "epsilon": 1e-3},
        [("x", "float32", [None, 3, 2, 4])],
        lambda tf, x: tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=statistics[0],
            offset=statistics[1],
            mean=statistics[2],
            variance=statistics[3],
            epsilon=1e-3,
            is_training=False,
        )[0],
    )
    for op in ("ResizeBilinear", "ResizeNearestNeighbor"):
        for corners, half in ((False, True), (False, False), (True, False)):
            for size in ((4, 6), (9, 5), (3, 3)):
                yield with_constants(
                    op,
                    {"T": "float"},
                    {"align_corners": corners, "half_pixel_centers": half},
                    [("float", [None, 3, 4, 2])],
                    {1: i32(*size)},
                )
    for op, shape in (("DepthToSpace", [None, 2, 3, 8]), ("SpaceToDepth", [None, 4, 2, 2])):
        yield Graph(
            op, {"T": "float"}, {"block_size": 2}, [("x", "float32", list(shape))], raw(op, 1, {"block_size": 2})
        )
    # The way in and out of a dilated convolution in the models of Keras 2.
    for op, shape, edges in (
        ("SpaceToBatchND", [None, 4, 6, 2], ([0, 0], [1, 1])),
        ("SpaceToBatchND", [None, 3, 5, 2], ([1, 0], [0, 1])),
        ("SpaceToBatchND", [None, None, 3, 2], ([1, 0], [0, 1])),
        ("BatchToSpaceND", [None, 2, 3, 2], ([0, 0], [1, 1])),
        ("BatchToSpaceND", [4, 2, 3, 2], ([1, 0], [0, 1])),
    ):
        types = {"T": "float", "Tblock_shape": "int32", ("Tpaddings" if op[0] == "S" else "Tcrops"): "int32"}
        constants = {1: i32(2, 2), 2: np.array(edges, np.int32)}
        yield with_constants(op, types, {}, [("float", list(shape))], constants)


def all_graphs() -> Iterator[Graph]:
    for family in (elementwise, of_two_shapes, reductions, moves, lookups, layers):
        yield from family()
