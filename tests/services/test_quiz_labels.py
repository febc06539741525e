"""A model's label in the names of folders and files."""

from __future__ import annotations

import unicodedata

import pytest

from lightship.services.quiz_labels import LabelNames

LABELS = ["pug", "bull_mastiff", "mastiff", "Shih-Tzu", "Épagneul", "toy_poodle", "3"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("pug", "pug"),
        ("PUG", "pug"),
        ("pug3", "pug"),
        ("bull_mastiff", "bull_mastiff"),
        ("Bull Mastiff (2)", "bull_mastiff"),
        ("n02108422-bull-mastiff", "bull_mastiff"),
        ("a mastiff", "mastiff"),
        ("shih tzu.old", "Shih-Tzu"),
        (unicodedata.normalize("NFD", "épagneul"), "Épagneul"),
        ("pug and toy poodle", "toy_poodle"),
        ("3", "3"),
        ("pugs", None),
        ("bull", None),
        ("33", None),
        ("", None),
        ("---", None),
    ],
)
def test_a_label_is_found_however_it_is_written(name: str, label: str | None) -> None:
    assert LabelNames(LABELS).first([name]) == label


def test_the_first_name_with_a_label_counts() -> None:
    names = LabelNames(LABELS)
    assert names.first(["photos", "pug", "bull_mastiff 1"]) == "pug"
    assert names.first(["train", "photos", "bull_mastiff 1"]) == "bull_mastiff"
    assert names.first(["train", "IMG_7"]) is None


def test_labels_without_words_are_found_nowhere() -> None:
    names = LabelNames(["?", ""])
    assert names.first(["?", "", "a"]) is None


def test_a_very_long_name_costs_little() -> None:
    assert LabelNames(LABELS).first(["a " * 100_000 + "pug"]) is None
