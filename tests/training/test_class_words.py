"""Classes are found by names, words, broader terms, patterns and indices; what is wrong is explained."""

from __future__ import annotations

import pytest

from lightship.errors import InvalidArgument
from lightship.training.class_words import ClassWords

CLASSES = ClassWords(
    ["Sports_Car", "minivan", "tabby cat", "crane (bird)", "crane (machine)", "12", "Kätzchen"],
    words={0: ["racer", "n04"], 1: ["van"], 3: ["crane"], 4: ["crane"], 6: ["CAT-baby"]},
    groups={"car": [0, 1], "minivan": [0, 1]},
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sports car", (0,)),
        (" SPORTS-car ", (0,)),
        ("n04", (0,)),
        ("van", (1,)),
        ("minivan", (1,)),
        ("car", (0, 1)),
        ("Cat_Baby", (6,)),
        ("KÄTZCHEN", (6,)),
        ("*cat", (2,)),
        ("*CAR*", (0,)),
        ("crane (*)", (3, 4)),
        ("crane (bird)", (3,)),
        ("3", (3,)),
        ("12", (5,)),
        ("2-4", (2, 3, 4)),
        ("0-0", (0,)),
    ],
)
def test_a_text_names_classes(text: str, found: tuple[int, ...]) -> None:
    assert CLASSES.find(text) == found


def test_several_texts_name_each_class_once_in_order() -> None:
    assert CLASSES.choose(["minivan", "car", "12", "0-2"]) == (0, 1, 2, 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("crane", r"'crane' is a word for 2 classes: give one of 'crane \(bird\)' \(3\), 'crane \(machine\)' \(4\)"),
        ("minivann", "no class 'minivann': did you mean 'minivan'"),
        ("cat", r"no class 'cat': .*'\*cat\*' names 'tabby cat' \(2\)"),
        ("xyzzy", r"no class 'xyzzy': the classes are, for example, 'Sports_Car' \(0\).* and 2 more"),
        ("*xyzzy*", "the classes are, for example"),
        ("", "the classes are, for example"),
        ("7", r"no class '7': indices go from 0 to 6; a range is low-high"),
        ("4-2", "a range is low-high"),
        ("-1", "no class '-1'"),
        ("1" * 5000, "no class"),
    ],
)
def test_a_text_that_names_none_or_several_is_explained(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        CLASSES.find(text)
