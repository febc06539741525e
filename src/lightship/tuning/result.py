"""What was tried, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from lightship.engines.tuned import TunedSetting
from lightship.tuning.decision import Decision
from lightship.tuning.objective import Objective, Turns

_PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting beside the best one until then."""

    # The property that differs, such as "batches".
    axis: str
    setting: TunedSetting
    # How many times as good as the best one until then it was, in each round.
    ratios: Sequence[float]
    # Whether it became the best one.
    taken: bool

    @property
    def ratio(self) -> float:
        return median(self.ratios)


@dataclass(slots=True)
class Tuning:
    """The result for one version."""

    path: Path
    model: str
    version: int
    signature: str
    # The engine that runs the signature.
    engine: str
    # The processors of this process.
    processors: int
    objective: Objective
    callers: Sequence[int]
    trials: list[Trial] = field(default_factory=list)
    # What was not tried, and why.
    skipped: list[tuple[str, str]] = field(default_factory=list)
    # What was best, if it is another setting than the default, and how it did beside it in the end.
    best: TunedSetting | None = None
    decision: Decision | None = None
    # The turns of the comparison at the end, one for each repeat.
    best_turns: Sequence[Turns] = ()
    default_turns: Sequence[Turns] = ()
    # The file in which the setting was kept. None: it was not.
    kept: Path | None = None

    @property
    def better(self) -> bool:
        """Whether there is a setting that is better than the default."""
        return self.decision is not None and self.decision.better

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        if self.best is None:
            return "there is nothing to win: no setting did better than the default"
        assert self.decision is not None
        if self.better:
            return f"{self.best}: {self.decision.reason}"
        return f"there is nothing to win: of all settings, {self.best} did best, but {self.decision.reason}"

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "model": self.model,
            "version": self.version,
            "signature": self.signature,
            "engine": self.engine,
            "processors": self.processors,
            "objective": str(self.objective),
            "better": self.better,
            "verdict": self.verdict,
            "setting": None if self.best is None or not self.better else _setting_json(self.best),
            "kept": None if self.kept is None else str(self.kept),
            "comparison": self._comparison_json(),
            "default": {str(number): figures_of(self.default_turns, number) for number in self._measured()},
            "tried": [
                {"property": one.axis, "setting": _setting_json(one.setting), "ratio": one.ratio, "taken": one.taken}
                for one in self.trials
            ],
            "skipped": [{"setting": setting, "reason": reason} for setting, reason in self.skipped],
        }

    def _comparison_json(self) -> dict[str, Any] | None:
        if self.best is None or self.decision is None:
            return None
        one = self.decision
        return {
            "setting": _setting_json(self.best),
            "ratios": list(one.ratios),
            "median": one.median,
            "spread": one.spread,
            "by_callers": {str(number): ratio for number, ratio in one.by_callers.items()},
            "callers": {str(number): figures_of(self.best_turns, number) for number in self._measured()},
        }

    def _measured(self) -> Sequence[int]:
        return self.callers if self.default_turns else ()


def figures_of(turns: Sequence[Turns], callers: int) -> Mapping[str, float]:
    """Returns the median rate, and percentiles in milliseconds, of turns with so many callers."""
    some = [one[callers] for one in turns]
    times = {f"p{number}_ms": 1000 * median(one.percentile(number) for one in some) for number in _PERCENTILES}
    return {"calls_per_second": median(one.rate for one in some), **times}


def _setting_json(setting: TunedSetting) -> dict[str, Any]:
    return {
        "threads": setting.threads,
        "streams": setting.streams,
        "rows": setting.rows,
        "one_row": setting.one_row,
        "precision": setting.precision,
        "text": str(setting),
    }
