"""Schedules the calls of a servable onto its engine, and joins those that wait."""

from lightship.batching.base import Done, EngineCall, Outcome, Results, Scheduler, Schedulers
from lightship.batching.direct import Direct
from lightship.batching.steps import EngineRun, Steps, complete

__all__ = [
    "Direct",
    "Done",
    "EngineCall",
    "EngineRun",
    "Outcome",
    "Results",
    "Scheduler",
    "Schedulers",
    "Steps",
    "complete",
]
