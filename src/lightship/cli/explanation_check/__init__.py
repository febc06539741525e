"""The check of `lightship explain --check`: whether explanations beat random maps and follow the weights."""

from lightship.cli.explanation_check.checking import CheckOptions, check_explanations, parts_of
from lightship.cli.explanation_check.plot import check_plot_name, write_plot
from lightship.cli.explanation_check.results import CheckResult, PhotoResult, WeightsResult

__all__ = [
    "CheckOptions",
    "CheckResult",
    "PhotoResult",
    "WeightsResult",
    "check_explanations",
    "check_plot_name",
    "parts_of",
    "write_plot",
]
