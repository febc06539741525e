from __future__ import annotations

from typing import Any

import pytest

from lightship.client.target import Target
from lightship.errors import InvalidArgument


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("",), "give the name under which it is served"),
        ((None,), "model is None"),
        (("dog", 1, "stable"), "version 1 and label 'stable' are given together"),
        (("dog", "1"), "version is '1'"),
        (("dog", True), "version is True"),
        (("dog", -1), "version is -1"),
        (("dog", 2**63), "0 or more"),
    ],
)
def test_invalid_targets_are_refused(arguments: tuple[Any, ...], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        Target(*arguments)


def test_a_version_replaces_the_label() -> None:
    target = Target("dog", label="stable")
    assert target.at_version(3) == Target("dog", 3)
    assert target.at_version(None) is target


def test_without_a_version_the_label_is_kept() -> None:
    assert Target("dog", 3).without_version() == Target("dog")
    assert Target("dog", label="stable").without_version() == Target("dog", label="stable")
