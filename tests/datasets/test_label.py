"""Names of classes."""

from __future__ import annotations

import pytest

from lightship.datasets.label import label_from
from lightship.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "label"), [(" cat ", "cat"), ("red fox", "red fox"), ("O\u0308l", "\u00d6l"), ("犬", "犬")]
)
def test_a_label_has_no_blanks_around_it_and_is_composed(text, label):
    assert label_from(text, "here") == label


@pytest.mark.parametrize("text", ["", " \t", "a\nb", "a\rb", "a\udcff"])
def test_what_labels_of_a_model_cannot_have_is_refused_with_its_place(text):
    with pytest.raises(InvalidArgument, match="'photos/x': .* cannot be the name of a class"):
        label_from(text, "photos/x")
