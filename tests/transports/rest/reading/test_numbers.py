"""Long arrays of numbers are read as fast as can be, and never differently."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading import extension
from lightship.transports.rest.reading.document import parse
from lightship.transports.rest.reading.native_document import read_natively
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.reading.reader import read_document
from lightship.transports.rest.reading.values import JsonValue

Read = Callable[[bytes], JsonValue]

READERS: list[Read] = [read_document] if extension.native is None else [read_document, read_natively]
by_each_reader = pytest.mark.parametrize("read", READERS)

INTEGERS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False)
NUMBERS = st.one_of(INTEGERS, FLOATS)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=20,
)


@st.composite
def arrays(draw: st.DrawFn) -> tuple[list[Any], tuple[int, ...]]:
    """A nested list of numbers, at times with one innermost list of another length, and its shape."""
    shape = tuple(draw(SHAPES))
    count = int(np.prod(shape))
    kind = draw(st.sampled_from([INTEGERS, FLOATS, NUMBERS]))
    flat = draw(st.lists(kind, min_size=count, max_size=count))
    value = np.array(flat, object).reshape(shape).tolist()
    if draw(st.booleans()):
        inner = value
        while isinstance(inner[-1], list):
            inner = inner[-1]
        inner.append(draw(kind))
    return value, shape


def count_of(value: Any) -> int:
    return sum(map(count_of, value)) if isinstance(value, list) else 1


def flattened(value: Any) -> list[Any]:
    return (
        [value] + [inner for element in value for inner in flattened(element)] if isinstance(value, list) else [value]
    )


def plain(value: Any) -> Any:
    """The document with its arrays as lists."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, NumberArray):
        return read_document(value.text, accelerate=False)
    return [plain(element) for element in value] if isinstance(value, list) else value


@by_each_reader
@given(array=arrays(), separators=st.sampled_from([None, (",", ":"), (" ,\n", "\t: ")]))
@settings(max_examples=300, deadline=None)
def test_arrays_agree_with_the_complete_reader(
    read: Read, array: tuple[list[Any], tuple[int, ...]], separators: tuple[str, str] | None
) -> None:
    value, _ = array
    text = b'{"instances": ' + json.dumps(value, separators=separators).encode() + b', "signature_name": "s]["}'
    text = text.replace(b"[", b"[" + b" " * 300, 1)  # long enough for the fast way
    fast = read(text)
    complete = read_document(text, accelerate=False)
    assert repr(plain(fast)) == repr(complete)
    assert isinstance(fast, dict)
    instances = fast["instances"]
    if isinstance(instances, NumberArray):
        expected = np.array(value, instances.values.dtype)
        assert instances.shape == expected.shape
        np.testing.assert_array_equal(instances.values.reshape(instances.shape), expected)


@by_each_reader
@given(value=VALUES, cut=st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_any_document_agrees_with_the_complete_reader(read: Read, value: Any, cut: int) -> None:
    text = json.dumps({"inputs": value, "more": [[1.5, 2]] * 100}).encode()
    text = text[: len(text) - cut] if cut < 20 else text
    expected = outcome(lambda body: read_document(body, accelerate=False), text)
    assert outcome(read, text) == outcome(parse, text) == expected


def outcome(read: Read, text: bytes) -> str:
    try:
        return repr(plain(read(text)))
    except InvalidArgument as error:
        return error.message


def real_shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a rectangular list."""
    if not isinstance(value, list):
        return ()
    shapes = {real_shape(element) for element in value}
    inner = shapes.pop() if len(shapes) == 1 else None
    return None if inner is None else (len(value), *inner)


LISTS = st.recursive(st.sampled_from([1, 22, 1.5, 123456789]), lambda inner: st.lists(inner, max_size=4), max_leaves=40)


@st.composite
def nearly_rectangular(draw: st.DrawFn) -> list[Any]:
    """A list with a few elements moved to a neighbour, taken out of a list or put into one more."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    value = np.arange(int(np.prod(shape))).reshape(shape).tolist()
    for _ in range(draw(st.integers(0, 3))):
        lists = [value]
        for one in lists:
            lists += [element for element in one if isinstance(element, list)]
        source, target = draw(st.sampled_from(lists)), draw(st.sampled_from(lists))
        if not source:
            continue
        element = source.pop(draw(st.integers(0, len(source) - 1)))
        if count_of(element) > 1 and draw(st.booleans()) or not isinstance(element, list):
            element = [element]
        if any(target is one for one in flattened(element)):
            continue
        where = draw(st.integers(0, len(target)))
        target[where:where] = element
    return value


@by_each_reader
@given(
    value=st.one_of(LISTS, nearly_rectangular()), separators=st.sampled_from([(",", ":"), (", ", ": "), ("\n,\t", ":")])
)
@settings(max_examples=1000, deadline=None)
def test_a_shape_is_found_if_and_only_if_it_is_the_list_s(read: Read, value: Any, separators: tuple[str, str]) -> None:
    text = json.dumps([value], separators=separators).replace("[", "[" + " " * 300, 1).encode()
    array = read(text)
    shape = real_shape([value])
    found = array.shape if isinstance(array, NumberArray) else None
    assert found == shape or (found is None and shape is not None and 0 in shape)


@by_each_reader
@pytest.mark.parametrize(
    "text",
    ["[[1,2],[3]]", "[1,[2]]", "[[1],2]", "[[],[1,2]]", "[[1,2],[]]", "[1[,2]]", "[[1],2[]]", "[1[2],[3]]"]
    + ["[[1]2,[3]]", "[[1,2],3[,4]]", "[1 2]", "[1NaN]", "[true,1]", "[01]", "[1,]"],
)
def test_ragged_and_broken_lists_are_not_taken(read: Read, text: str) -> None:
    body = text.replace("[", "[" + " " * 300, 1).encode()
    assert outcome(read, body) == outcome(lambda body: read_document(body, accelerate=False), body)


@by_each_reader
def test_what_is_not_finite_stands_where_it_was(read: Read) -> None:
    value = read(b'{"inputs": [' + b"[1.5, NaN, 3]," * 50 + b"[-Infinity, Inf, -NaN]]}")
    assert isinstance(value, dict)
    array = value["inputs"]
    assert isinstance(array, NumberArray)
    expected = np.array([[1.5, np.nan, 3]] * 50 + [[-np.inf, np.inf, np.nan]])
    np.testing.assert_array_equal(array.values.reshape(array.shape), expected)


def test_brackets_without_numbers_are_left_in_linear_time() -> None:
    start = time.thread_time()
    parse(b"[" * 100_000 + b"1" + b"]" * 100_000)
    assert time.thread_time() - start < 5


def test_an_image_of_floats_is_read_quickly() -> None:
    image = np.random.default_rng(0).random((1, 224, 224, 3))
    body = json.dumps({"instances": image.tolist()}).encode()
    ours, pythons = [], []
    for _ in range(10):
        start = time.thread_time()
        document = parse(body)
        parsed = time.thread_time()
        json.loads(body)
        ours.append(parsed - start)
        pythons.append(time.thread_time() - parsed)
    assert isinstance(document, dict)
    assert isinstance(document["instances"], NumberArray)
    np.testing.assert_array_equal(document["instances"].values.reshape(image.shape), image)
    assert min(ours) < min(pythons) / 2  # 6 ms on a quiet machine; json.loads takes 65


@pytest.fixture(params=["with the C extension", "without it"])
def _with_or_without_c(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without it":
        monkeypatch.setattr(extension, "native", None)


def array_of(*numbers: str) -> NumberArray:
    rows = f"[{', '.join(numbers)}] , " * 60 + f"[{','.join(numbers)}]"
    document = parse(f'{{"x": [{rows}]}}'.encode())
    assert isinstance(document, dict)
    array = document["x"]
    assert isinstance(array, NumberArray)
    return array


@pytest.mark.usefixtures("_with_or_without_c")
@pytest.mark.parametrize(
    ("numbers", "low", "high", "outside"),
    [
        (["1", "-128", "127"], -128, 127, None),
        (["1", "128", "-129"], -128, 127, 1),
        (["1", "-129", "128"], -128, 127, 1),
        (["0", "1", "-1"], 0, 255, 2),
        (["1", "9223372036854775807", "-9223372036854775808"], -(2**63), 2**63 - 1, None),
        (["1", "9223372036854775808"], -(2**63), 2**63 - 1, 1),
        (["1", "18446744073709551615"], 0, 2**64 - 1, None),
        (["1", "18446744073709551616"], 0, 2**64 - 1, 1),
        (["-1", "18446744073709551615"], 0, 2**64 - 1, 0),
        (["-1", "18446744073709551615"], -(2**63), 2**63 - 1, 1),
        (["1", "2", "3.0"], -128, 127, 2),
        (["1", "1e2", "300"], -128, 127, 1),
        (["1", "NaN"], -128, 127, 1),
    ],
)
def test_the_first_number_that_is_not_in_a_range_is_found(
    numbers: list[str], low: int, high: int, outside: int | None
) -> None:
    assert array_of(*numbers).first_outside(low, high) == outside


@pytest.mark.usefixtures("_with_or_without_c")
@pytest.mark.parametrize(
    ("numbers", "has_integer"),
    [
        (["1.5", "2e0", "NaN"], False),
        (["1.5", "99999999999999999999"], False),
        (["1.5", "2"], True),
        (["-1", "18446744073709551615"], True),
        (["1", "2"], True),
    ],
)
def test_integers_are_found_among_doubles(numbers: list[str], has_integer: bool) -> None:
    assert array_of(*numbers).has_integer() is has_integer


@pytest.mark.usefixtures("_with_or_without_c")
def test_each_number_has_its_text() -> None:
    numbers = ["1", "-2.50", "3e+00", "-Infinity", "12345678901234567890"]
    array = array_of(*numbers)
    assert [array.number_text(index).decode() for index in range(len(array.values))] == numbers * 61
    assert [str(number) for number in array.numbers()][:5] == ["1", "-2.5", "3.0", "-inf", "12345678901234567890"]
    assert list(array.tokens())[:4] == [b"[", b"[", b"1", b"-2.50"]


@pytest.mark.usefixtures("_with_or_without_c")
def test_a_number_far_into_a_long_array_has_its_text() -> None:
    array = parse(b"[" + b"0.123456789, " * 300_000 + b"7.5]")
    assert isinstance(array, NumberArray)
    assert array.number_text(300_000) == b"7.5"
    assert array.number_text(299_999) == b"0.123456789"
