"""The page of `lightship compare --html`, in a browser without network."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser.conftest import Page, asking_nobody_else, check_accessible
from tests.colour_models import COLOURS, save_colour_photos
from tests.evaluation.comparisons import reported, side

from lightship.evaluation.comparison.comparison import compare_answers
from lightship.evaluation.comparison.page import comparison_page

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror=document.title="hit">\u202e.png'


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The page of a comparison with changed answers of every kind, a refused photo and a failed requirement."""
    folder = save_colour_photos(tmp_path / "photos", 3)
    photos = sorted(folder.rglob("*.png"))
    labels = [photo.parent.name for photo in photos]
    hostile = photos[0].rename(photos[0].with_name(HOSTILE.replace("/", "")))
    photos[0] = hostile
    by_a, by_b = list[str | None](labels), list[str | None](labels)
    by_a[7], by_a[10] = "cyan", "green"
    by_b[0], by_b[4], by_b[10], by_b[-1] = "red", "red", "blue", None
    a, b = side("A", by_a, (*COLOURS, "grey")), side("B", by_b, (*COLOURS, "white"))
    report = reported(compare_answers(photos, labels, a, b), "accuracy >= -0.005", "agreement >= 0.5")
    (tmp_path / "page.html").write_text(comparison_page(report), encoding="utf-8")
    return f"file://{tmp_path}/page.html"


def test_the_page_loads_nothing_is_accessible_and_fits_a_phone(page: Page, url: str, axe: str, tmp_path: Path) -> None:
    with asking_nobody_else(page, url):
        page.open(url)
        page.wait("document.readyState === 'complete'")
        check_accessible(page, axe, tmp_path, "comparison")
        pictures = "[...document.querySelectorAll('.photos img')]"
        assert page.run(f"{pictures}.length") == 5
        assert page.run(f"Promise.all({pictures}.map((one) => one.decode())).then(() => true)")
        assert page.run("document.title") == "models/dog/1 and models/dog/2 · Comparison"
        page.run("document.querySelector('#classes thead button').click()")
        assert page.run("document.querySelector('#classes tbody th').textContent") == min(COLOURS)


def test_names_are_shown_as_text(page: Page, url: str) -> None:
    page.open(url)
    shown = page.wait("document.querySelector('.photos') && document.querySelector('.photos').innerText")
    assert '<img src=x onerror=document.title="hit">' in shown
    assert "\\u202e.png" in shown
