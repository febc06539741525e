"""What `make_tensor_proto` takes, and what it refuses: values and options."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

TYPES = (
    *("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128"),
)
ADDED = {name: np.dtype(getattr(ml_dtypes, name)) for name in ("bfloat16", "float8_e5m2", "float8_e4m3fn")}
VALUES: list[Any] = [
    *(1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63, 1.5, 1e300, True, "a", b"a\0", "é", 1j, float("nan"), ""),
    *(
        [],
        [[]],
        [[], []],
        [1, 2.5],
        [1, True],
        [True, 1.0],
        ["a", b"b\0"],
        [2**40, 1],
        [1, 2**63],
        (1, 2),
        ((1,), (2,)),
    ),
    *([[1, 2], [3, 4]], [[["x"]]], [np.float32(1), 2.0], [np.int64(2**40)], [np.True_], bytearray(b"ab"), [b"a" * 300]),
    *(np.float64(1.5), np.float32(2), np.int64(3), np.str_("a"), memoryview(b"abc"), np.arange(6).reshape(2, 3).T),
    *(
        np.array(["ab", "é"]),
        np.array([b"ab", b"c"]),
        np.array(["ab", b"c\0"], object),
        np.zeros((0, 3)),
        np.array("a"),
    ),
]
WRONG: list[tuple[Any, dict[str, Any]]] = [
    (None, {}),
    ([None], {}),
    ([1, None], {}),
    ([1, "a"], {}),
    ({1, 2}, {}),
    ({"a": 1}, {}),
    ([object()], {}),
    (2**64, {}),
    (range(3), {}),
    ([[1, 2], [3]], {}),
    ([["a"], ["b", "c"]], {}),
    ([np.array([1, 2])], {}),
    ([bytearray(b"a")], {}),
    (np.array([None], object), {}),
    (np.array([1, "x"], object), {}),
    (np.datetime64("2020"), {}),
    (np.array([1], np.longdouble), {}),
    (1.5, {"dtype": "int32"}),
    (np.array(["a"]), {"dtype": "float32"}),
    (np.array([1]), {"dtype": "string"}),
    ([np.float64(1.5)], {"dtype": "int32"}),
    ([np.True_], {"dtype": "int32"}),
    (1, {"dtype": "bool"}),
    (1, {"dtype": "string"}),
    (1j, {"dtype": "float32"}),
    ("a", {"dtype": "float32"}),
    ([None], {"dtype": "float32"}),
    (2**64, {"dtype": "uint64"}),
    (1, {"dtype": int}),
    ("a", {"dtype": str}),
    ("a", {"dtype": bytes}),
    (1, {"dtype": "nope"}),
    ([1, 2], {"shape": [1]}),
    ([1, 2], {"shape": [3], "verify_shape": True}),
    ([1, 2], {"shape": [2, 1], "verify_shape": True}),
    (1.0, {"shape": [2], "verify_shape": True}),
    ([1, 2], {"shape": [2, 3], "allow_broadcast": True}),
    (1, {"verify_shape": True, "allow_broadcast": True}),
    (1, {"shape": 2}),
    (1, {"shape": [-1]}),
    (1, {"shape": [None]}),
]
SHAPED: list[tuple[Any, dict[str, Any]]] = [
    ([1, 2], {"shape": [3]}),
    ([1, 2], {"shape": [2, 1]}),
    ([1, 2], {"shape": (2,), "verify_shape": True}),
    (1, {"shape": [2, 3], "allow_broadcast": True}),
    ([1], {"shape": [2, 3], "allow_broadcast": True}),
    ([1, 2], {"shape": [2, 1], "allow_broadcast": True}),
    (1, {"shape": [2, 3]}),
    (1, {"shape": ()}),
    (1, {"shape": np.array([1, 1])}),
    (1, {"shape": [1.0]}),
    (1.0, {"shape": [0]}),
    ([1, 2], {"shape": [0]}),
    (1, {"shape": [0, 2], "dtype": "int64"}),
    ("a", {"shape": [2]}),
    (1j, {"shape": [2], "dtype": "complex128"}),
    (np.array(["a", "b"]), {"shape": [3]}),
    (np.float16([1, 2]), {"shape": [3]}),
    (np.array([1], ADDED["float8_e5m2"]), {"shape": [3]}),
]
