"""What a setting is judged by."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lightship.errors import InvalidArgument
from lightship.tuning.load import Turn

# The turns of one setting, by the number of callers.
Turns = Mapping[int, Turn]

_LIMIT = re.compile(r"p(50|95|99)=(\d+(?:\.\d+)?)(ms|s)")
# How many times as good a setting counts at most: the other one may not keep a limit at all.
MAX_RATIO = 1000.0


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be best: "throughput", the calls a second, or "latency", the time that 95 of 100 calls keep.

    With a limit, the highest rate at which `percentile` of 100 calls are answered within `limit` seconds.
    """

    kind: Literal["throughput", "latency"] = "throughput"
    percentile: int = 95
    # Seconds. None: there is no limit.
    limit: float | None = None

    def __str__(self) -> str:
        if self.limit is not None:
            return f"the highest rate with p{self.percentile} within {self.limit * 1000:g} ms"
        return self.kind

    def score(self, turns: Turns) -> float:
        """Returns how good the turns are; more is better, and 0 is the least. All numbers of callers count alike."""
        if self.limit is not None:
            kept = (one.rate for one in turns.values() if one.percentile(self.percentile) <= self.limit)
            return max(kept, default=0.0)
        return math.exp(sum(math.log(self.of_turn(one)) for one in turns.values()) / len(turns))

    def of_turn(self, turn: Turn) -> float:
        """Returns how good one turn is, without a limit."""
        return 1 / turn.percentile(self.percentile) if self.kind == "latency" else turn.rate

    def ratio(self, turns: Turns, others: Turns) -> float:
        """Returns how many times as good the first turns are as the others, at most `MAX_RATIO`."""
        one, other = self.score(turns), self.score(others)
        if one == other:
            return 1.0
        return min(MAX_RATIO, max(1 / MAX_RATIO, one / other if other else MAX_RATIO))


def parse_limit(text: str) -> tuple[int, float]:
    """Returns the percentile and the seconds of a limit such as `p99=20ms`. Raises InvalidArgument."""
    found = _LIMIT.fullmatch(text.replace(" ", ""))
    seconds = float(found[2]) / (1000 if found[3] == "ms" else 1) if found else 0.0
    if found is None or not seconds:
        raise InvalidArgument(f"{text!r} is not a limit: give p50, p95 or p99 with a time, such as p99=20ms")
    return int(found[1]), seconds
