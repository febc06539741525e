"""Tensors of every shape and dtype, small, large and at the borders between the ways they are written."""

from __future__ import annotations

import json
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship.transports.rest.endpoints.predict_response import outputs_document, predictions, predictions_of_each
from lightship.transports.rest.writing import tensor_text
from lightship.transports.rest.writing.number_text import MANY, text_of
from lightship.transports.rest.writing.tensor_text import row_texts, rows_text

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(3)
SHAPES = [(1,), (MANY - 1,), (MANY,), (300,), (2, MANY), (200, 1), (1, 200), (50, 3), (1, 5, 4, 3), (20, 2, 1, 7)]
LARGE = [(10_000,), (1, 10_000), (3, 9000), (5000, 2), (2, 3, 9000), (2, 1, 4096), (9000, 1, 1), (8192,), (8193,)]


def value_text(value: Any) -> str:
    if isinstance(value, np.floating):
        return text_of(np.empty(0, value.dtype))(float(value))
    return json.dumps(value.item())


def on_one_line(tensor: Array) -> str:
    return f"[{', '.join(map(on_one_line, tensor))}]" if tensor.ndim else value_text(tensor[()])


def on_lines(tensor: Array, indent: int) -> str:
    """As the rule says: each element on its own line, four blanks deeper than its list."""
    if not tensor.ndim:
        return value_text(tensor[()])
    if not len(tensor):
        return "[]"
    elements = ",\n".join(" " * (indent + 4) + on_lines(element, indent + 4) for element in tensor)
    return f"[\n{elements}\n{' ' * indent}]"


def tensors(shape: tuple[int, ...]) -> list[Array]:
    floats = RANDOM.standard_normal(shape)
    return [
        floats.astype(np.float32),
        floats,
        RANDOM.integers(-(2**63), 2**63 - 1, shape),
        RANDOM.integers(0, 2**64 - 1, shape, dtype=np.uint64),
        RANDOM.integers(-100, 100, shape, dtype=np.int8),
        floats > 0,
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_dtype_is_written_in_rows_and_columns(shape: tuple[int, ...]) -> None:
    for tensor in tensors(shape):
        rows = on_one_line(tensor)[1:-1]
        assert predictions({"y": tensor}).decode() == f'{{\n    "predictions": [{rows}\n    ]\n}}'
        assert outputs_document({"y": tensor}).decode() == f'{{\n    "outputs": {on_lines(tensor, 4)}\n}}'
        assert row_texts("y", tensor, 8) == [on_one_line(row) for row in tensor]


@pytest.mark.parametrize("shape", LARGE)
def test_large_tensors_are_written_in_blocks(shape: tuple[int, ...]) -> None:
    for tensor in tensors(shape)[:3]:
        assert rows_text("y", tensor, 8).decode() == on_one_line(tensor)[1:-1]
        assert tensor_text.tensor_text("y", tensor, 8).decode() == on_lines(tensor, 8)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
@settings(deadline=None)
def test_any_shape_is_written(shape: list[int]) -> None:
    tensor = RANDOM.standard_normal(shape).astype(np.float32)
    assert rows_text("y", tensor, 8).decode() == on_one_line(tensor)[1:-1]
    assert tensor_text.tensor_text("y", tensor, 4).decode() == on_lines(tensor, 4)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_is_written_as_float32(dtype: Any) -> None:
    for count in (3, 300):
        values = RANDOM.standard_normal(count).astype(dtype)
        assert rows_text("y", values, 8) == rows_text("y", values.astype(np.float32), 8)


def test_what_lies_apart_in_memory_is_written_in_order() -> None:
    tensor = RANDOM.standard_normal((40, 30)).astype(np.float32)
    assert rows_text("y", tensor.T, 8) == rows_text("y", np.ascontiguousarray(tensor.T), 8)
    assert rows_text("y", tensor[::2, ::3], 8) == rows_text("y", tensor[::2, ::3].copy(), 8)
    assert rows_text("y", tensor.astype(">f4"), 8) == rows_text("y", tensor, 8)


@pytest.mark.parametrize("inner", [(), (1,), (4,), (2, 3), (0,), (60,)])
@pytest.mark.parametrize(("rows", "count"), [(1, 1), (1, 7), (3, 5), (1, 200)])
def test_documents_of_several_calls_are_those_of_each(inner: tuple[int, ...], rows: int, count: int) -> None:
    texts = np.array([b"a", b"\xe9\n", "\xfc".encode()], object)[RANDOM.integers(0, 3, (rows * count, *inner))]
    for tensor in (*tensors((rows * count, *inner)), texts):
        for outputs in ({"y": tensor}, {"y_bytes" if tensor is texts else "y": tensor, "z": tensor}):
            parts = [
                {name: array[start : start + rows] for name, array in outputs.items()}
                for start in range(0, rows * count, rows)
            ]
            assert predictions_of_each(outputs, count) == [predictions(part) for part in parts]


def test_several_outputs_keep_their_rows() -> None:
    a, b = RANDOM.standard_normal((150, 4)).astype(np.float32), RANDOM.integers(0, 9, 150)
    answer = json.loads(predictions({"a": a, "b": b}))
    assert [row["b"] for row in answer["predictions"]] == b.tolist()
    np.testing.assert_array_equal(np.array([row["a"] for row in answer["predictions"]], np.float32), a)
    answer = json.loads(outputs_document({"a": a, "b": b}))
    np.testing.assert_array_equal(np.array(answer["outputs"]["a"], np.float32), a)
