"""A context in front of examples."""

from __future__ import annotations

import pytest
from tests.example_models import example

from lightship.errors import ResourceExhausted
from lightship.protos import Example
from lightship.services import example_inputs as module
from lightship.services import with_context


def test_an_example_has_the_features_of_its_context_but_for_its_own() -> None:
    (merged,) = with_context(example(x=1.0, y=b"kept"), [example(x=2.0)])
    features = Example.FromString(merged).features.feature
    assert list(features["x"].float_list.value) == [2.0]
    assert list(features["y"].bytes_list.value) == [b"kept"]


def test_a_context_without_examples_is_nothing() -> None:
    assert with_context(example(x=1.0), []) == []


def test_a_context_may_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONTEXT_BYTES", 100)
    assert len(with_context(b"c" * 10, [b""] * 10)) == 10
    with pytest.raises(ResourceExhausted, match="context of 10 bytes is copied for each of 11 examples"):
        with_context(b"c" * 10, [b""] * 11)
