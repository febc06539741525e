"""How much each class counts, in the forms that users have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lightship.errors import InvalidArgument
from lightship.training.class_weights import weights_by_index

PETS = ("cat", "dog", "bär")


@pytest.mark.parametrize(
    "given",
    [
        {"cat": 2.0, "bär": 0.5},
        {0: 2.0, 2: 0.5},
        {0: 2.0, "bär": np.float32(0.5)},
        {np.int64(0): 2, 1: 1, 2: 0.5},
        [2.0, 1.0, 0.5],
        np.array([2.0, 1.0, 0.5]),
    ],
)
def test_every_form_says_the_weight_of_each_index(given: Any) -> None:
    assert weights_by_index(given, PETS, 3) == {0: 2.0, 1: 1.0, 2: 0.5}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"cet": 1.0}, "'cet', which is not a class: did you mean 'cat'"),
        ({3: 1.0}, "3; give the name of a class, or its index, 0 to 2"),
        ({True: 1.0}, "give the name of a class"),
        ({0: 1.0, "cat": 1.0}, "a class twice"),
        ([1.0, 2.0], "2 weights for 3 classes"),
        ({"dog": -1}, r"class 'dog' is -1\.0"),
        ({"dog": float("nan")}, "class 'dog' is nan"),
        ({"dog": "much"}, "class 'dog' is 'much'"),
        ("balanced", "class_weights is 'balanced'"),
        (5, "class_weights is 5"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        weights_by_index(given, PETS, 3)


def test_classes_without_names_have_indices_only() -> None:
    assert weights_by_index({1: 3}, None, 2) == {0: 1.0, 1: 3.0}
    with pytest.raises(InvalidArgument, match="no names"):
        weights_by_index({"cat": 1}, None, 2)
