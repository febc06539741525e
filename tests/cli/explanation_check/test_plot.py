"""The plot of a check is an SVG image with what the names of others cannot change."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from tests.test_notebook import EVIL

from lightship.cli.explain_check import _print_verdict
from lightship.cli.explanation_check import check_plot_name, write_plot
from lightship.cli.explanation_check.results import CheckResult, Comparison, PhotoResult, WeightsResult
from lightship.errors import InvalidArgument

SVG = "{http://www.w3.org/2000/svg}"


def comparison(end: float) -> Comparison:
    curve = np.linspace(1 - end, end, 25)
    return Comparison(curve, np.full((3, 25), 0.5), 0.2, (0.4, 0.6, 0.5))


def result(model: str = "dog") -> CheckResult:
    photo = PhotoResult("a.jpg", "boxer", 0.9, comparison(0.0), comparison(1.0))
    return CheckResult(model, 3, "cam", 0.05, (photo, photo), WeightsResult((0.1, -0.3)))


def test_the_curves_are_drawn(tmp_path: Path) -> None:
    write_plot(str(tmp_path / "plot.svg"), result(EVIL))
    root = ET.parse(tmp_path / "plot.svg").getroot()
    assert {one.tag for one in root.iter()} == {
        f"{SVG}{name}" for name in ("svg", "title", "desc", "rect", "text", "line", "polygon", "polyline")
    }
    lines = [one for one in root.iter(f"{SVG}polyline") if len(one.attrib["points"].split()) == 25]
    assert len(lines) == 4
    title = root.find(f"{SVG}title")
    assert title is not None
    assert "2 photos" in (title.text or "")


def test_a_plot_is_svg_only() -> None:
    check_plot_name("x.SVG")
    with pytest.raises(InvalidArgument, match=r"ends in \.svg"):
        check_plot_name("x.png")


def test_a_plot_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot be written"):
        write_plot(str(tmp_path / "no" / "plot.svg"), result())


def test_the_verdict_needs_both_curves_and_the_weights() -> None:
    good = result()
    assert (good.deletion_gain, good.passed) == (pytest.approx(0.3), False)  # insertion is worse than random
    rising = Comparison(np.linspace(0.1, 1, 25), np.zeros((1, 25)), 0.9, (0.2,))
    photo = PhotoResult("a.jpg", "boxer", 0.9, comparison(0.0), rising)
    for weights, passed in (
        (WeightsResult((0.1, -0.3)), True),
        (WeightsResult((), "on a server"), True),
        (WeightsResult((0.9, 0.4)), False),
        (WeightsResult((-0.9, -0.4)), False),
    ):
        assert CheckResult("dog", 3, "cam", 0.05, (photo,), weights).passed is passed
    assert CheckResult("dog", 3, "cam", 0.4, (photo,), WeightsResult(())).passed is False


def test_a_photo_whose_class_keeps_its_score_when_hidden_does_not_count() -> None:
    falling, rising = comparison(0.0), Comparison(np.linspace(0.1, 1, 25), np.zeros((1, 25)), 0.9, (0.2,))
    dark = Comparison(np.linspace(0.9, 0.46, 25), np.zeros((1, 25)), 0.7, (0.2,))  # the model calls black a boxer
    plain = Comparison(np.linspace(0.8, 0.9, 25), np.zeros((1, 25)), 0.1, (0.2,))
    good = PhotoResult("a.jpg", "boxer", 0.9, falling, rising)
    black = PhotoResult("b.jpg", "boxer", 0.9, dark, rising)
    blurred = PhotoResult("c.jpg", "boxer", 0.9, falling, plain)
    neither = PhotoResult("d.jpg", "boxer", 0.9, dark, plain)
    assert [(one.deletion_counts, one.insertion_counts) for one in (good, black, blurred, neither)] == [
        *((True, True), (False, True), (True, False), (False, False))
    ]
    checked = CheckResult("dog", 3, "cam", 0.05, (good, black, blurred, neither), WeightsResult(()))
    assert (checked.deletion_gain, checked.insertion_gain) == (pytest.approx(0.3), pytest.approx(0.7))
    assert checked.passed is True
    assert CheckResult("dog", 3, "cam", 0.05, (black,), WeightsResult(())).passed is True
    nothing = CheckResult("dog", 3, "cam", 0.05, (neither,), WeightsResult(()))
    assert (nothing.deletion_gain, nothing.insertion_gain, nothing.passed) == (None, None, None)
    assert nothing.to_json()["deletion_gain"] is None


def test_what_does_not_count_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    plain = Comparison(np.linspace(0.8, 0.9, 25), np.zeros((1, 25)), 0.1, (0.2,))
    good = PhotoResult("a.jpg", "boxer", 0.9, comparison(0.0), plain)
    dark = PhotoResult("b.jpg", "boxer", 0.9, comparison(0.9), plain)
    _print_verdict(CheckResult("dog", 3, "cam", 0.05, (good, dark), WeightsResult(())))
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Deletion: passed. On average the area is 0.300 below")
    assert "left out: 1 of 2 photos" in " ".join(said)
    assert "half of its score if the photo is black" in " ".join(said)
    assert "Insertion: not checked" in said


def test_only_photos_that_count_are_drawn(tmp_path: Path) -> None:
    plain = Comparison(np.linspace(0.8, 0.9, 25), np.zeros((1, 25)), 0.1, (0.2,))
    photos = [PhotoResult("a.jpg", "boxer", 0.9, comparison(end), plain) for end in (0.0, 0.9)]
    write_plot(str(tmp_path / "plot.svg"), CheckResult("dog", 3, "cam", 0.05, tuple(photos), WeightsResult(())))
    root = ET.parse(tmp_path / "plot.svg").getroot()
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert "Deletion (lower is better), 1 of 2 photos" in texts
    assert "Insertion (higher is better), 0 of 2 photos" in texts
    assert len([one for one in root.iter(f"{SVG}polyline") if len(one.attrib["points"].split()) == 25]) == 2
    description = root.find(f"{SVG}desc")
    assert description is not None
    assert description.text == "Area under the deletion curve 0.200, of random maps 0.500."
