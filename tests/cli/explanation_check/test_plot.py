"""The plot of a check is an SVG image with what the names of others cannot change."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from tests.test_notebook import EVIL

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
    photo = PhotoResult("a.jpg", "boxer", 0.9, comparison(0.0), Comparison(np.ones(25), np.zeros((1, 25)), 0.9, (0.2,)))
    for weights, passed in (
        (WeightsResult((0.1, -0.3)), True),
        (WeightsResult((), "on a server"), True),
        (WeightsResult((0.9, 0.4)), False),
        (WeightsResult((-0.9, -0.4)), False),
    ):
        assert CheckResult("dog", 3, "cam", 0.05, (photo,), weights).passed is passed
    assert CheckResult("dog", 3, "cam", 0.4, (photo,), WeightsResult(())).passed is False
