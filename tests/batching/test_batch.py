"""Joining inputs and splitting outputs gives each call what is its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.batching import EngineCall
from lightship.batching.batch import RowCounter, join, split
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.tensors.dtypes import DataType


def signature(**inputs: tuple[DataType, tuple[int, ...] | None]) -> Signature:
    specs = {name: TensorSpec(name, dtype, shape, f"{name}:0") for name, (dtype, shape) in inputs.items()}
    outputs = {name: TensorSpec(name, DataType.DT_FLOAT, None, f"{name}:0") for name in ("y", "z")}
    return Signature("s", "", specs, outputs, None)


FLOATS = DataType.DT_FLOAT
PAIRS = RowCounter(signature(x=(FLOATS, (-1, 2))))


def call(outputs: list[str] | None = None, **inputs: Any) -> EngineCall:
    return EngineCall("s", {name: np.asarray(value) for name, value in inputs.items()}, outputs)


def floats(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def test_calls_of_the_same_kind_have_the_same_key() -> None:
    one, three = PAIRS.rows(call(x=floats(1, 2))), PAIRS.rows(call(x=floats(3, 2)))
    assert one is not None
    assert three is not None
    assert (one.number, three.number) == (1, 3)
    assert one.key == three.key


def test_output_filters_and_inner_shapes_keep_calls_apart() -> None:
    counter = RowCounter(signature(x=(FLOATS, (-1, -1))))
    calls = [
        call(x=floats(1, 2)),
        call(x=floats(1, 3)),
        call(["y"], x=floats(1, 2)),
        call(["y", "z"], x=floats(1, 2)),
        call([], x=floats(1, 2)),  # all of them, as the first
    ]
    keys = {rows.key for rows in map(counter.rows, calls) if rows is not None}
    assert len(keys) == 4


@pytest.mark.parametrize("outputs", [["w"], ["y", "w"], ["y"] * 1000], ids=["unknown", "partly unknown", "repeated"])
def test_outputs_that_a_client_invents_are_neither_joined_nor_remembered(outputs: list[str]) -> None:
    counter = RowCounter(signature(x=(FLOATS, (-1, 2))))
    assert counter.rows(call(outputs, x=floats(1, 2))) is None
    assert not counter._seen


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": floats(2)},  # a row without its first dimension
        {"x": floats(1, 3)},  # another inner size than the declared one
        {"x": floats(0, 2)},
        {"x": np.float32(1)},
        {"x": np.zeros((1, 2))},  # float64
        {"other": floats(1, 2)},
        {},
    ],
    ids=["rank", "size", "no rows", "scalar", "dtype", "name", "none"],
)
def test_what_is_not_as_declared_runs_alone(inputs: dict[str, Any]) -> None:
    assert PAIRS.rows(call(**inputs)) is None


@pytest.mark.parametrize("shape", [None, (), (1, 2), (3,)], ids=str)
def test_an_input_whose_first_dimension_is_not_free_is_never_joined(shape: tuple[int, ...] | None) -> None:
    both = RowCounter(signature(x=(FLOATS, (-1,)), y=(FLOATS, shape)))
    sent = call(x=floats(1), y=floats(*(shape or ())))
    assert both.rows(sent) is None


def test_inputs_with_different_numbers_of_rows_run_alone() -> None:
    both = RowCounter(signature(x=(FLOATS, (-1,)), y=(FLOATS, (-1,))))
    assert both.rows(call(x=floats(2), y=floats(3))) is None
    assert both.rows(call(x=floats(2), y=floats(2))) is not None


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(0, 9), st.booleans())
def test_each_call_gets_its_own_rows_back(numbers: list[int], missing: int, texts: bool) -> None:
    total, calls, start = sum(numbers), [], 0
    values = np.arange(total * 2).reshape(total, 2)
    column = values.astype(str).astype(object) if texts else values.astype(np.float32)
    for number in numbers:
        calls.append(call(x=column[start : start + number], n=values[start : start + number, 0]))
        start += number
    inputs = join(calls, total + missing)
    assert all(len(array) == total + missing for array in inputs.values())
    parts = split({"y": inputs["x"], "z": inputs["n"]}, numbers, total + missing)
    assert parts is not None
    for one, part in zip(calls, parts, strict=True):
        assert part["y"].tolist() == one.inputs["x"].tolist()
        assert part["y"].dtype == one.inputs["x"].dtype
        assert part["z"].tolist() == one.inputs["n"].tolist()


@pytest.mark.parametrize("output", [np.float32(1), floats(3), floats(5, 2)], ids=["scalar", "too few", "too many"])
def test_outputs_without_a_row_for_each_row_cannot_be_split(output: Any) -> None:
    assert split({"y": floats(4), "z": np.asarray(output)}, [2, 2], 4) is None
