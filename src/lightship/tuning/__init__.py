"""Finds the setting with which a model runs best on this host, under load of its own.

Each setting is compared with the default in turns that alternate, so that noise of the machine falls on both.
"""

from lightship.tuning.objective import Objective, parse_limit
from lightship.tuning.result import Tuning
from lightship.tuning.tuner import Budget, Progress, tune

__all__ = ["Budget", "Objective", "Progress", "Tuning", "parse_limit", "tune"]
