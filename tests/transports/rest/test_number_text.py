"""The text of numbers in answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.errors import InvalidArgument
from lightship.transports.rest.number_text import float_texts
from lightship.transports.rest.predict_response import outputs_document, predictions

FLOAT32 = {
    -0.0: "-0.0",
    0.1: "0.1",
    1 / 3: "0.333333343",
    np.pi: "3.14159274",
    1e6: "1e+06",
    999999: "999999.0",
    1234567: "1234567.0",
    16777216: "16777216.0",
    1e-5: "1e-05",
    0.0001: "0.0001",
    0.1234567: "0.123456702",
    3.4028234663852886e38: "3.40282347e+38",
    np.inf: "Infinity",
    -np.inf: "-Infinity",
    np.nan: "NaN",
}
FLOAT64 = {
    0.1: "0.1",
    1 / 3: "0.33333333333333331",
    np.pi: "3.1415926535897931",
    0.1 + 0.2: "0.30000000000000004",
    1234567.0: "1234567.0",
    1e15: "1e+15",
    123456789.123: "123456789.123",
    5e-324: "4.94066e-324",
    1.7976931348623157e308: "1.7976931348623157e+308",
    2.0: "2.0",
}


def test_the_tables() -> None:
    for dtype, table in ((np.float32, FLOAT32), (np.float64, FLOAT64)):
        values = np.array(list(table), dtype)
        assert float_texts(values) == list(table.values())  # many at once
        assert [float_texts(values[index : index + 1])[0] for index in range(len(values))] == list(table.values())


def test_zero_keeps_its_sign() -> None:
    assert float_texts(np.array([0.0, -0.0] * 10, np.float32)) == ["0.0", "-0.0"] * 10


def expected(value: np.floating) -> str:
    """The rule as the specification states it."""
    precise = "%.9g" if value.dtype == np.float32 else "%.17g"
    text = f"{float(value):g}"
    if value.dtype.type(text) != value:
        text = precise % float(value)
    return text if "." in text or "e" in text else text + ".0"


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_float32_follows_the_rule_and_reads_back(numbers: list[float]) -> None:
    values = np.array(numbers, np.float32)
    assert float_texts(values) == [expected(value) for value in values]
    np.testing.assert_array_equal(np.array(float_texts(values), np.float32), values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_float64_follows_the_rule_and_reads_back(numbers: list[float]) -> None:
    values = np.array(numbers)
    assert float_texts(values) == [expected(value) for value in values]
    np.testing.assert_array_equal(np.array(float_texts(values), np.float64), values)


def test_several_outputs_are_objects() -> None:
    body = predictions({"z": np.array([5, 6]), "y": np.array([[1, 2], [3, 4]], np.float32)})
    assert body.decode() == (
        '{\n    "predictions": [\n        {\n            "z": 5,\n            "y": [1.0, 2.0]\n        },\n'
        '        {\n            "z": 6,\n            "y": [3.0, 4.0]\n        }\n    ]\n}'
    )


def test_large_outputs_are_written_like_small_ones() -> None:
    values = np.arange(30_000, dtype=np.int64).reshape(10_000, 3)
    rows = ", ".join(f"[{a}, {b}, {c}]" for a, b, c in values.tolist())
    assert predictions({"y": values}).decode() == f'{{\n    "predictions": [{rows}\n    ]\n}}'
    lines = ",\n".join(f"        {number}" for number in range(20_000))
    assert outputs_document({"y": np.arange(20_000)}).decode() == f'{{\n    "outputs": [\n{lines}\n    ]\n}}'


def test_strings_booleans_and_empty_dimensions() -> None:
    texts = np.array([b'a"\xff', b""], object)
    assert b'["a\\"\xff", ""' in predictions({"y": texts})
    assert b'[{"b64": "YSL/"}, {"b64": ""}' in predictions({"y_bytes": texts})
    assert b"[true, false" in predictions({"y": np.array([True, False])})
    assert predictions({"y": np.zeros((0, 3), np.float32)}) == b'{\n    "predictions": []\n}'
    assert b"[[], []" in predictions({"y": np.zeros((2, 0), np.float32)})
    assert b"[1.5" in predictions({"y": np.array([1.5], np.float16)})


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.float32(1)}, "Tensor name: y has no shape information "),
        ({"a": np.zeros(2), "b": np.zeros(1)}, "Tensor name: b has inconsistent batch size: 1 expecting: 2"),
        ({"y": np.zeros(2, np.complex64)}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_what_has_no_row_form_is_named(outputs: dict[str, np.ndarray], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        predictions({name: np.asarray(value) for name, value in outputs.items()})
    assert caught.value.message == text
