"""The report of a training: one HTML file with its curves, its figures, its worst mistakes and how to repeat it."""

from lightship.evaluation.report.content import EpochFigures, ReportContent
from lightship.evaluation.report.writing import report_html, write_report

__all__ = ["EpochFigures", "ReportContent", "report_html", "write_report"]
