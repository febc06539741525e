"""Long lists of numbers become the same feature as their elements one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightship.errors import InvalidArgument
from lightship.transports.rest.endpoints.features import serialized_example
from lightship.transports.rest.reading.reader import read_document

INTEGERS = st.integers(-(2**64), 2**65).map(str) | st.integers(-3, 3).map(str)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(["1e2", "-0.0", "1E-3", "1e300"])
SPECIAL = st.sampled_from(["NaN", "-Infinity", "Inf"])
LISTS = st.one_of(
    st.lists(INTEGERS, min_size=60, max_size=80),
    st.lists(DOUBLES, min_size=60, max_size=80),
    st.lists(DOUBLES | SPECIAL, min_size=60, max_size=80),
    st.builds(lambda first, rest: [*rest, first], INTEGERS, st.lists(DOUBLES, min_size=60, max_size=80)),
    st.builds(lambda first, rest: [*rest, first], DOUBLES, st.lists(INTEGERS, min_size=60, max_size=80)),
)


def outcome(body: bytes, *, accelerate: bool) -> object:
    try:
        return serialized_example(read_document(body, accelerate=accelerate))
    except InvalidArgument as error:
        return error.message


@given(LISTS, st.sampled_from([",", " , ", "\n,"]))
def test_the_quick_way_makes_what_the_plain_way_makes(numbers: list[str], comma: str) -> None:
    body = f'{{"x": [{comma.join(numbers)}]}}'.encode()
    assert outcome(body, accelerate=True) == outcome(body, accelerate=False)
