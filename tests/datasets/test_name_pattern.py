"""Patterns for the names of photos."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from lightship.datasets.name_pattern import NamePattern
from lightship.errors import InvalidArgument


@pytest.mark.parametrize(
    ("pattern", "path", "label"),
    [
        ("{make}_{model}_*.jpg", "Audi_A4_2019_01.jpg", "Audi_A4"),
        ("{make}_{model}_*.jpg", "AUDI_a4_1.JPG", "AUDI_a4"),
        ("{label}-*", "red fox-1.jpg", "red fox"),
        ("{label}.???", "ü.jpg", "ü"),
        ("{a}(1).jpg", "x(1).jpg", "x"),
        ("{make}/{model}/*", "audi/a4/1.jpg", "audi_a4"),
        ("{label}_*.jpg", "deep/below/cat_1.jpg", "cat"),
        ("*_{label}.jpg", "a_b_cat.jpg", "cat"),
        ("{make}/*", "audi/a4/1.jpg", None),
        ("{label}_*.jpg", "_1.jpg", None),
        ("{label}.jpg", "cat.jpg.png", None),
        ("{label}.jpg", "catxjpg", None),
    ],
)
def test_the_label_is_the_fields(pattern, path, label):
    assert NamePattern(pattern).label(PurePath(path)) == label


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("*.jpg", "no field"),
        ("", "no field"),
        ("{make_*.jpg", "counterpart"),
        ("make}_*.jpg", "counterpart"),
        ("{}_*.jpg", "name fields by letters"),
        ("{a b}.jpg", "name fields by letters"),
        ("{a}_{a}.jpg", "twice"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, reason):
    with pytest.raises(InvalidArgument, match=reason):
        NamePattern(pattern)
