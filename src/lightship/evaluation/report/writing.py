"""Puts the report together and writes it."""

from __future__ import annotations

from pathlib import Path

from lightship.evaluation.figures import Figures, figures
from lightship.evaluation.page import Section, page, write_page
from lightship.evaluation.report.answers import calibration, classes, confusion
from lightship.evaluation.report.content import ReportContent
from lightship.evaluation.report.curves import curves
from lightship.evaluation.report.data import data, left_out
from lightship.evaluation.report.mistakes import mistakes
from lightship.evaluation.report.origin import model_input, reproduction
from lightship.evaluation.report.summary import summary

KIND = "Training report"


def write_report(path: Path, content: ReportContent) -> None:
    """Writes the report of a training as one HTML file, which needs neither network nor scripts.

    It has at most `mistakes.MAX_MISTAKES` photos, as small copies. A photo that cannot be read any more, and a heat map
    that fails, are left out.

    Raises InvalidArgument if the labels, the classes and the probabilities do not fit together, or if the file cannot
    be written; PermissionDenied if this user may not write it.
    """
    write_page(path, report_html(content))


def report_html(content: ReportContent) -> str:
    """Returns the report as HTML. The errors are those of `write_report` about the content."""
    found = figures(content.truth(), content.probabilities, content.classes)
    return page(content.title, kind=KIND, lead=summary(content, found), sections=list(_sections(content, found)))


def _sections(content: ReportContent, found: Figures) -> tuple[Section, ...]:
    return (
        Section("curves", "Curves", curves(content.epochs, content.best_epoch)),
        Section("classes", "Classes", classes(content, found)),
        Section("confusion", "Confusion", confusion(content, found)),
        Section("calibration", "Calibration", calibration(found)),
        Section("mistakes", "Worst mistakes", mistakes(content)),
        Section("data", "Data", data(content)),
        Section("left-out", "Left out", left_out(content)),
        Section("input", "Model input", model_input(content.spec)),
        Section("reproduce", "Reproduce", reproduction(content)),
    )
