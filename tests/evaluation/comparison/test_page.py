"""What the page of a comparison says; tests/browser looks at it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from tests.evaluation.comparisons import compared, reported, side

from lightship.evaluation.comparison.comparison import compare_answers
from lightship.evaluation.comparison.page import MAX_PHOTOS, comparison_page
from lightship.evaluation.metrics import METRICS, values

LABELS = ["cat", "cat", "dog", "dog", "eel"]
CHANGED = compared(LABELS, ["cat", "dog", "dog", "cat", "eel"], ["cat", "cat", "cat", "eel", None])


def figures(page: str) -> dict[str, float]:
    """The exact values of a page, by the names of its figures."""
    found = re.findall(r'data-figure="([^"]*)" data-value="([^"]*)"', page)
    assert len(found) == len(dict(found)), "a name is used twice"
    return {name: float(value) for name, value in found}


def test_every_metric_is_on_the_page_with_its_value() -> None:
    shown = figures(comparison_page(reported(CHANGED)))
    for name, metric in METRICS.items():
        a, b, change = values(metric, CHANGED)
        expected = (
            {f"{name}.a": a, f"{name}.b": b, f"{name}.change": change} if metric.of_each else {f"both.{name}": change}
        )
        assert {key: shown.get(key) for key in expected} == expected


def test_figures_of_each_class_are_on_the_page() -> None:
    shown = figures(comparison_page(reported(CHANGED)))
    for index, one in enumerate(CHANGED.class_changes):
        assert (shown[f"class.{index}.recall.a"], shown[f"class.{index}.recall.b"]) == one.recall
        assert shown[f"class.{index}.photos"] == one.photos


def test_a_failed_requirement_is_the_verdict() -> None:
    page = comparison_page(reported(CHANGED, "accuracy >= -0.005", "agreement >= 0"))
    assert '<strong class="bad">failed</strong></dd><dd class="quiet">1 of 2 requirements passed' in page
    passed = comparison_page(reported(CHANGED, "agreement >= 0"))
    assert '<strong class="good">passed</strong></dd>' in passed


def test_without_labels_there_are_no_classes_and_no_accuracy() -> None:
    page = comparison_page(reported(compared(None, ["cat", "dog"], ["cat", "eel"])))
    assert 'id="classes"' not in page
    assert "Accuracy" not in page
    assert "The photos have no labels." in page


def test_the_same_answers_are_said_to_be_the_same() -> None:
    page = comparison_page(reported(compared(["cat"], ["cat"], ["cat"])))
    assert "Both models give every photo the same best class." in page


def test_only_so_many_photos_are_shown_and_the_rest_is_listed(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (16, 8), "teal").save(photo)
    count = MAX_PHOTOS + 5
    changed = compare_answers([photo] * count, ["cat"] * count, side("A", ["cat"] * count), side("B", ["dog"] * count))
    page = comparison_page(reported(changed))
    assert page.count("data:image/jpeg") == MAX_PHOTOS
    assert "5 more" in page


def test_a_photo_that_is_gone_is_named_without_a_picture() -> None:
    page = comparison_page(reported(CHANGED))
    assert "data:image/jpeg" not in page
    assert "No picture: 2.jpg" in page


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a" onload="x', "\u202etxt"])
def test_labels_are_escaped(name: str) -> None:
    a, b = side("A", [name], (name, "cat")), side("B", ["cat"], (name, "cat"))
    page = comparison_page(reported(compare_answers([Path(f"{name}.jpg")], [name], a, b)))
    assert name not in page
