"""A large document is freed in small steps, and only if it is large."""

from __future__ import annotations

import gc
import weakref

import pytest

from lightship.transports.rest.reading import extension
from lightship.transports.rest.reading.dismantle import dismantle
from lightship.transports.rest.reading.document import parse
from lightship.transports.rest.reading.values import JsonValue

LARGE = b"x" * 100_000


def test_an_object_keeps_its_members_which_are_emptied() -> None:
    if extension.native is None:
        pytest.skip("there was no C compiler when the package was built")
    inner: JsonValue = {"c": [1]}
    value: JsonValue = {"a": [1, [2], {"b": inner}] * 1000, "d": "text", "e": {"f": inner}, "g": 1}
    dismantle(value, LARGE)
    assert value == {"a": [], "d": "text", "e": {}, "g": 1}
    assert inner == {}
    rows: JsonValue = [[1]] * 10_000
    dismantle(rows, LARGE)
    assert rows == []


def test_a_small_document_is_left_alone() -> None:
    value: JsonValue = {"a": [[1]]}
    dismantle(value, b"x")
    assert value == {"a": [[1]]}


def test_nothing_is_kept() -> None:
    class Mark:
        pass

    mark = Mark()
    seen = weakref.ref(mark)
    value: JsonValue = [[{"a": mark}], [[mark]], {"b": [{"c": mark}]}]  # type: ignore[dict-item, list-item]
    del mark
    dismantle(value, LARGE)
    del value
    assert seen() is None


def test_deep_documents_are_dismantled() -> None:
    value = parse(b"[" * 300_000 + b"]" * 300_000)
    dismantle(value, LARGE)
    value = parse(b'{"":[' * 300_000 + b"]}" * 300_000)
    dismantle(value, LARGE)
    assert value == {"": []}


def test_what_was_read_is_not_visited_by_the_garbage_collector() -> None:
    if extension.native is None:
        pytest.skip("there was no C compiler when the package was built")
    value = parse(b'{"a": [[1], {"b": [], "c": {"d": [2, "x"]}}], "e": [{}]}')
    assert isinstance(value, dict)
    rest: list[object] = [value]
    while rest:
        one = rest.pop()
        assert not gc.is_tracked(one)
        rest += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
