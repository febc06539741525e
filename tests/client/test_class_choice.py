"""A class is named by its label or its index."""

from __future__ import annotations

from typing import Any

import pytest

from lightship.client.class_choice import check_class, find_class
from lightship.errors import InvalidArgument


def test_a_label_comes_before_an_index() -> None:
    assert find_class("10", ["20", "10"], 2) == 1
    assert find_class("1", ["20", "10"], 2) == 1
    assert find_class(0, ["1", "0"], 2) == 0
    assert find_class("boxer", ["dog", "boxer"], 2) == 1


def test_a_wrong_label_gets_the_nearest_and_some_of_the_others() -> None:
    labels = ["bull_mastiff", *"abcdefg"]
    with pytest.raises(InvalidArgument) as refused:
        find_class("Bull-Mastif", labels, len(labels))
    assert refused.value.message == (
        "there is no class 'Bull-Mastif': did you mean 'bull_mastiff'? "
        "The labels are bull_mastiff, a, b, c, d and 3 more"
    )


@pytest.mark.parametrize("class_", [2, "2", 10**30])
def test_an_index_beyond_the_classes_is_refused(class_: str | int) -> None:
    with pytest.raises(InvalidArgument, match="from 0 to 1"):
        find_class(class_, ["a", "b"], 2)


def test_without_labels_an_index_is_asked_for() -> None:
    with pytest.raises(InvalidArgument, match="the model has no labels, so give an index from 0 to 4"):
        find_class("dog", None, 5)


@pytest.mark.parametrize("class_", ["", -1, 1.5, True, b"dog", ["dog"]])
def test_what_is_no_class_is_refused(class_: Any) -> None:
    with pytest.raises(InvalidArgument, match="class_ is "):
        check_class(class_)


@pytest.mark.parametrize("class_", [None, "dog", 0])
def test_a_label_an_index_or_nothing_is_a_class(class_: Any) -> None:
    check_class(class_)
