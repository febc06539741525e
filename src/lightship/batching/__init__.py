"""Schedules the calls of a servable onto its engine, and joins those that wait."""

from lightship.batching.base import Done, EngineCall, Outcome, Ran, RanAtOnce, Results, Scheduler, Schedulers
from lightship.batching.direct import Direct
from lightship.batching.joined import Joined
from lightship.batching.joint_runs import Observe
from lightship.batching.steps import EngineRun, Steps, complete

__all__ = [
    "Direct",
    "Done",
    "EngineCall",
    "EngineRun",
    "Joined",
    "Observe",
    "Outcome",
    "Ran",
    "RanAtOnce",
    "Results",
    "Scheduler",
    "Schedulers",
    "Steps",
    "complete",
]
