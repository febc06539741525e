"""Small documents of numbers are read the quick way, and never differently than the complete way reads them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lightship.errors import LightshipError
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.endpoints.predict_request import PredictRequest, signature_name_of
from lightship.transports.rest.reading.reader import read_document
from lightship.transports.rest.reading.small_document import LONGEST, read_small, small_tensors

KINDS = ["FLOAT", "DOUBLE", "HALF", "INT8", "UINT8", "INT32", "INT64", "UINT32", "UINT64", "BOOL", "STRING"]
NUMBER_TEXTS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-300, 300).map(str),
    st.integers(-(2**66), 2**66).map(str),
    st.sampled_from(["-0", "-0.0", "0e400", "1e400", "-1e39", "3.4028236e38", "1e-400", "1E5", "1e2", "16777217"]),
    st.sampled_from(["9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809"]),
    st.sampled_from(["2147483648", "4294967296", "18446744073709551615", "18446744073709551616", "1" * 50]),
    st.sampled_from(["01", "1.", ".5", "+1", "1e", "-", "NaN", "-Infinity", "Inf", "nan", "0.1" + "0" * 40 + "1"]),
)
LEAF_TEXTS = st.one_of(
    NUMBER_TEXTS,
    NUMBER_TEXTS,
    NUMBER_TEXTS,
    st.sampled_from(["true", "false", "null", '"a"', '"1.5"', '{"b64": "AQ=="}', "{}", '{"x": 1}', "tru", "\x0b"]),
)


@st.composite
def lists(draw: st.DrawFn) -> str:
    """A nested list in any state of repair, mostly rectangular and of one kind of number."""
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    leaves = draw(
        st.sampled_from([st.integers(0, 9).map(str), st.sampled_from(["1.5", "2"]), NUMBER_TEXTS, LEAF_TEXTS])
    )
    ragged = draw(st.integers(0, 5)) == 0

    def text(level: int) -> str:
        if level == len(shape) or (ragged and draw(st.integers(0, 9)) == 0):
            return draw(leaves)
        size = draw(st.integers(0, 3)) if ragged else shape[level]
        return f"[{', '.join(text(level + 1) for _ in range(size))}]"

    return text(0)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    name = st.sampled_from(["x", "x", "x", "y", "tru\\u0065", "nullable"])
    form = draw(st.sampled_from(["plain", "columns", "named", "named", "both"]))
    row = st.builds(
        lambda names, value: "{" + ", ".join(f'"{n}": {value}' for n in names) + "}", st.lists(name), lists()
    )
    if form == "plain":
        members = [f'"{draw(st.sampled_from(["instances", "inputs"]))}": {draw(lists())}']
    elif form == "columns":
        members = [f'"inputs": {draw(row)}']
    elif form == "named":
        members = [f'"instances": [{", ".join(draw(st.lists(st.one_of(row, row, lists()), max_size=3)))}]']
    else:
        members = [f'"inputs": {draw(lists())}', f'"instances": {draw(lists())}']
    if draw(st.integers(0, 3)) == 0:
        members.append(draw(st.sampled_from(['"signature_name": ""', '"signature_name": 5', '"more": {"a": 1}'])))
    if draw(st.integers(0, 9)) == 0:
        members += members[-1:]
    text = "{" + ", ".join(draw(st.permutations(members))) + "}"
    text = text.replace(" ", draw(st.sampled_from(["", " ", " \n\t\r"])))
    end = draw(st.sampled_from(["", "", "", " ", " more", "}", "]", "\x00"]))
    cut = draw(st.sampled_from([0, 0, 0, 0, 1, 2, 5]))
    return (text + end).encode()[: None if cut == 0 else -cut]


def outcome(body: bytes, kind: str, *, complete: bool) -> Any:
    inputs = {"x": TensorSpec("x", DataType[f"DT_{kind}"], None, "x:0")}
    try:
        if complete:
            document = read_document(body, accelerate=False) if body else None
            if not isinstance(document, dict):
                return None  # the texts for these have their own tests
            request = PredictRequest(document, signature_name_of(document, body))
        else:
            request = PredictRequest.parse(body)
        tensors = request.tensors(inputs)
    except LightshipError as error:
        return error.code, error.message
    return request.rows, {name: (array.dtype, array.shape, array.tobytes()) for name, array in tensors.items()}


@given(documents(), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=1500, deadline=None)
@example(b'{"instances": [true, 1.5]}', "FLOAT", False)
@example(b'{"instances": [1, 2], "instances": [3]}', "FLOAT", False)
@example(b'{"inputs": {"x": 1, "x": 2}}', "FLOAT", False)
@example(b'{"instances": [1, 1.0]}', "INT32", False)
@example(b'{"instances": [1, 9223372036854775808]}', "UINT64", False)
@example(b'{"instances": [-0, -0.0]}', "DOUBLE", False)
@example(b'{"inst\\u0061nces": [1]}', "FLOAT", False)
@example(b'{"instances": [[1, 2], [3]]}', "FLOAT", True)
@example(b'{"instances": [[1, 2.0], [3, 4]]}', "INT32", True)
@example(b'{"instances": [9223372036854775808, 1]}', "INT64", True)
@example(b'{"instances": [[9223372036854775807], [9223372036854775808], [1.5]]}', "INT64", True)
@example(b'{"instances": [-1, 0.0]}', "UINT8", True)
@example(b'{"instances": [1, 18446744073709551616, 0.0]}', "UINT64", True)
@example(b'{"instances": [{"x": [[[], [0.0, 0.0], 0.0]]}, 1]}', "FLOAT", True)
@example(b'{"inputs": [[[-1, 2], [18446744073709551615, 0]]]}', "DOUBLE", True)
@example(b'{"instances": [{"x": [[[-1, 2], [18446744073709551615, 0]]]}]}', "UINT64", True)
@example(b'{"inputs": [[1, NaN], [-Infinity, 0e400]]}', "DOUBLE", True)
def test_both_ways_agree(body: bytes, kind: str, long: bool) -> None:
    if long:  # for the C extension
        body = body.replace(b",", b"," + b" " * 700)
    complete = outcome(body, kind, complete=True)
    if complete is not None:
        assert outcome(body, kind, complete=False) == complete


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"instances": [[1.0, 2.0, 3.0, 4.0]]}', "FLOAT"),
        ('{"instances": [1, 2]}', "INT64"),
        ('{"instances": [1e39, 1]}', "FLOAT"),
        ('{"signature_name": "s", "instances": [{"x": [1]}, {"x": [2]}]}', "DOUBLE"),
        ('{"inputs": {"x": [[1, 2]], "more": 0}}', "INT32"),
        ('{"inputs": 5}', "UINT32"),
    ],
)
def test_what_is_common_goes_the_quick_way(body: str, kind: str) -> None:
    inputs = {"x": TensorSpec("x", DataType[f"DT_{kind}"], None, "x:0")}
    document, only_numbers = read_small(body.encode())
    assert document == json.loads(body)
    assert document is not None
    assert only_numbers
    tensors = small_tensors(document, inputs)
    assert tensors is not None
    assert outcome(body.encode(), kind, complete=False) == outcome(body.encode(), kind, complete=True)
    assert tensors["x"].dtype == DataType[f"DT_{kind}"].numpy


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [1], "instances": [2]}',
        '{"inputs": {"x": 1, "x": 2}}',
        '{"instances": [{"x": 1, "x": 2}]}',
        '{"instances": [true]}',
        '{"instances": [null, 1]}',
        '{"instances": ["1"]}',
        '{"instances": [{"x": {}}]}',
        '{"instances": [NaN]}',
        '{"instances": [1]} more',
        '{"instances": [1], "more": {"a": 1, "a": 2}}',
        '{"instances": [{"b64": "AQ=="}], "more": ":"}',
        '{"instances": ["a: \\"b\\""]}',
        "[1]",
        '{"instances": [' + "1, " * LONGEST + "1]}",
    ],
)
def test_what_might_be_read_differently_does_not(body: str) -> None:
    document, only_numbers = read_small(body.encode())
    assert not only_numbers
    assert document is None or document == json.loads(body)


def test_a_float_too_large_becomes_infinite_without_a_warning() -> None:
    inputs = {"x": TensorSpec("x", DataType.DT_FLOAT, None, "x:0")}
    array = PredictRequest.parse(b'{"instances": [1e39, -1e39]}').tensors(inputs)["x"]
    assert array.tolist() == [np.inf, -np.inf]
