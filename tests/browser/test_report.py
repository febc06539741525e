"""The report of a training in a real browser: without network, with and without scripts, on a desktop and a phone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.browser.conftest import DEADLINE, FRAME, LOOKS, Page, check_accessible
from tests.evaluation.trainings import content

from lightship.evaluation.report import ReportContent, write_report

pytestmark = pytest.mark.browser

F1 = '[...document.querySelectorAll(\'[data-figure^="class."][data-figure$=".f1"]\')].map((one) => one.dataset.value)'


def opened(page: Page, folder: Path, report: ReportContent) -> Page:
    file = folder / "report.html"
    write_report(file, report)
    page.look(1280, 900, "light")
    page.open(file.as_uri())
    end = time.monotonic() + DEADLINE
    while "Page.loadEventFired" not in page.events:  # `page.wait` needs scripts
        assert time.monotonic() < end, "the report was not loaded"
        page.run("1")
    return page


def check_asked_nobody(page: Page) -> None:
    page.run("1")  # what came until now is noted
    assert page.problems == []
    assert {asked.partition(":")[0] for asked in page.asked} <= {"file", "data"}


def test_a_report_is_accessible_and_asks_nobody(page: Page, axe: str, tmp_path: Path) -> None:
    check_accessible(opened(page, tmp_path, content(tmp_path, photos=40)), axe, tmp_path, "report")
    assert page.run("[...document.images].length") > 20
    assert page.run("[...document.images].every((one) => one.naturalWidth)")
    check_asked_nobody(page)


@pytest.mark.parametrize("classes", [2, 25, 300])
def test_any_number_of_classes_fits_on_a_phone(page: Page, tmp_path: Path, classes: int) -> None:
    names = [f"Make {index // 10} Model {index % 10} {'x' * (index % 40)}" for index in range(classes)]
    opened(page, tmp_path, content(tmp_path, classes=names, photos=40, explain=None))
    for look, width, height, scheme in LOOKS:
        page.look(width, height, scheme)
        page.run(FRAME)
        assert page.run("document.documentElement.scrollWidth") <= width, look
    page.look(*LOOKS[0][1:])


def test_a_report_of_nothing_is_accessible(page: Page, axe: str, tmp_path: Path) -> None:
    nothing = content(tmp_path, photos=0, epochs=(), best_epoch=None, unreadable=(), rare={}, explain=None)
    check_accessible(opened(page, tmp_path, nothing), axe, tmp_path, "empty")
    check_asked_nobody(page)


def test_classes_are_sorted_by_any_figure_and_what_is_not_defined_comes_last(page: Page, tmp_path: Path) -> None:
    truth = np.arange(60) % 8  # the last two of ten classes have no photos
    probabilities = np.eye(10, dtype=np.float32)[np.where(np.arange(60) % 7, truth, 0)]
    opened(page, tmp_path, content(tmp_path, truth=truth, probabilities=probabilities, drawn=0))
    button = "[...document.querySelectorAll('table[data-sortable] button')].find((one) => one.textContent === 'F1')"
    heading = f"{button}.closest('th').getAttribute('aria-sort')"
    page.run(f"{button}.focus()")
    for order, keys in (("ascending", 1), ("descending", -1)):
        page.press("Enter", 13, "\r")
        values = [float(one) for one in page.run(F1)]
        assert page.run(heading) == order
        assert values[:8] == sorted(values[:8], key=lambda value: keys * value)
        assert np.isnan(values[8:]).all()
    check_asked_nobody(page)


def test_without_scripts_all_is_there_but_the_sorting(page: Page, tmp_path: Path) -> None:
    page.command("Emulation.setScriptExecutionDisabled", value=True)
    opened(page, tmp_path, content(tmp_path))
    assert page.run("document.querySelectorAll('table[data-sortable]').length") > 0
    assert page.run("document.querySelectorAll('button').length") == 0
    assert len(page.run(F1)) == 10
    assert page.run("document.querySelector('details').open = true")
    assert page.run("document.querySelector('.chart path').getBoundingClientRect().height") > 100
    check_asked_nobody(page)
