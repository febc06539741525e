"""Precisions other than f32, and the check that a version must pass before it answers in one of them."""

from lightship.engines.precision.golden_check import check_golden
from lightship.engines.precision.limits import check_precision_options
from lightship.engines.precision.loaded import LoadedEngine
from lightship.engines.precision.loading import load_checked_engine
from lightship.engines.precision.supported import why_missing

__all__ = [
    "LoadedEngine",
    "check_golden",
    "check_precision_options",
    "load_checked_engine",
    "why_missing",
]
