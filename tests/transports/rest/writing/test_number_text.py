"""The text of numbers in answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship.errors import InvalidArgument
from lightship.transports.rest.endpoints.predict_response import outputs_document, predictions
from lightship.transports.rest.writing.number_text import MANY, float_texts, text_of

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
    """The rule as it is stated."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    precise = "%.9g" if value.dtype == np.float32 else "%.17g"
    text = f"{float(value):g}"
    if value.dtype.type(text) != value:
        text = precise % float(value)
    return text if "." in text or "e" in text else text + ".0"


@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
@settings(deadline=None)
def test_float32_follows_the_rule_and_reads_back(numbers: list[float]) -> None:
    values = np.array(numbers, np.float32)
    texts = [expected(value) for value in values]
    assert float_texts(values) == texts
    assert float_texts(np.tile(values, MANY)) == texts * MANY
    np.testing.assert_array_equal(np.array(float_texts(values), np.float32), values)


@given(st.lists(st.floats(), min_size=1, max_size=40))
@settings(deadline=None)
def test_float64_follows_the_rule_and_reads_back(numbers: list[float]) -> None:
    values = np.array(numbers)
    texts = [expected(value) for value in values]
    assert float_texts(values) == texts
    assert float_texts(np.tile(values, MANY)) == texts * MANY
    np.testing.assert_array_equal(np.array(float_texts(values), np.float64), values)


RANDOM = np.random.default_rng(7)
COUNT = 60_000
POWERS = 10.0 ** np.arange(-45, 39)
EXPONENTS = RANDOM.integers(-12, 13, COUNT)

SWEEPS = {
    "any float32": RANDOM.integers(0, 1 << 32, COUNT, dtype=np.uint32).view(np.float32),
    "any float64": RANDOM.integers(0, 1 << 64, COUNT, dtype=np.uint64).view(np.float64),
    "scores": RANDOM.random(COUNT, dtype=np.float32),
    "scores of float64": RANDOM.random(COUNT),
    "logits of all sizes": RANDOM.standard_normal(COUNT) * 10.0**EXPONENTS,
    "six digits": RANDOM.integers(0, 10**6, COUNT) / 10.0**EXPONENTS,
    "nine digits": RANDOM.integers(0, 10**9, COUNT) / 10.0**EXPONENTS,
    "ties of six digits": RANDOM.integers(0, 10**6, COUNT) + 0.5,
    "ties of nine digits": RANDOM.integers(1 << 23, 1 << 24, COUNT) / 2.0 ** RANDOM.integers(1, 24, COUNT),
    "ties of seventeen digits": RANDOM.integers(1 << 52, 1 << 53, COUNT) / 2.0 ** RANDOM.integers(1, 53, COUNT),
    "integers": RANDOM.integers(-(10**10), 10**10, COUNT).astype(np.float64),
    "powers of two": 2.0 ** np.arange(-149, 128),
    "powers of two of float64": 2.0 ** np.arange(-1074, 1024),
    "powers of ten": np.array([float(f"1e{power}") for power in range(-323, 309)]),
    "beside powers of ten": np.concatenate([np.nextafter(POWERS, 0), np.nextafter(POWERS, np.inf)]),
    "zeros and what is not finite": np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1.5] * 100),
}


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_at_once_are_written_like_one(name: str, dtype: type[np.floating]) -> None:
    with np.errstate(all="ignore"):
        values = SWEEPS[name].astype(dtype)
    one = text_of(values)
    assert float_texts(values) == [one(number) for number in values.tolist()]


def test_neighbours_of_short_values_are_told_apart() -> None:
    short = RANDOM.integers(1, 10**6, COUNT) / 10.0 ** RANDOM.integers(0, 9, COUNT)
    for dtype in (np.float32, np.float64):
        values = short.astype(dtype)
        for beside in (np.nextafter(values, dtype(0)), np.nextafter(values, dtype(np.inf))):
            one = text_of(beside)
            assert float_texts(beside) == [one(number) for number in beside.tolist()]


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


def test_base64_is_an_object_over_three_lines() -> None:
    one, two = np.array([b"\xff\xd8\xff"], object), np.array([[b"\xff\xd8\xff", b""]], object)
    assert predictions({"y_bytes": one}) == (
        b'{\n    "predictions": [{\n            "b64": "/9j/"\n        }\n    ]\n}'
    )
    assert outputs_document({"y_bytes": one[0:1].reshape(())}) == (
        b'{\n    "outputs": {\n        "b64": "/9j/"\n    }\n}'
    )
    assert outputs_document({"y_bytes": one}) == (
        b'{\n    "outputs": [\n        {\n            "b64": "/9j/"\n        }\n    ]\n}'
    )
    assert predictions({"y_bytes": two}) == (
        b'{\n    "predictions": [[{\n                "b64": "/9j/"\n            }, {\n                "b64": ""\n'
        b"            }]\n    ]\n}"
    )
    assert predictions({"y_bytes": one, "z": np.array([1])}) == (
        b'{\n    "predictions": [\n        {\n            "y_bytes": {\n                "b64": "/9j/"\n            },\n'
        b'            "z": 1\n        }\n    ]\n}'
    )
    assert outputs_document({"y_bytes": one[0:1].reshape(()), "z": np.array(1)}) == (
        b'{\n    "outputs": {\n        "y_bytes": {\n            "b64": "/9j/"\n        },\n        "z": 1\n    }\n}'
    )


def test_strings_booleans_and_empty_dimensions() -> None:
    texts = np.array([b'a"\xff', b""], object)
    assert b'["a\\"\xff", ""' in predictions({"y": texts})
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
