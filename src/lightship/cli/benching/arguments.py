"""Reads the options of `lightship bench`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lightship.bench.fleet import RunPlan
from lightship.bench.objectives import Objective
from lightship.errors import InvalidArgument

MAX_CONNECTIONS = 10_000
_SIZE = re.compile(r"[1-9][0-9]{0,8}")
MAX_RATE = 1_000_000.0
DEFAULT_CONCURRENCY = "1,2,4,8,16,32"
DEFAULT_CONNECTIONS = 64  # at a constant rate
DEFAULT_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Plans:
    """What to measure."""

    closed: Sequence[RunPlan]
    """Closed loops; with objectives the one from which the search begins."""

    open: Sequence[RunPlan]
    """Constant rates."""

    objectives: Sequence[Objective]
    connections: int

    @property
    def most_connections(self) -> int:
        return max(
            [one.connections for one in (*self.closed, *self.open)] + [self.connections if self.objectives else 1]
        )


def plans_of(
    concurrency: Sequence[int],
    rates: Sequence[float],
    objectives: Sequence[Objective],
    connections: int,
    times: tuple[float, float, float],
) -> Plans:
    """times: the seconds of a run, of its warm-up, and of the timeout."""
    seconds, warm_up, timeout = times
    if objectives:
        closed = [RunPlan(max(concurrency), seconds, warm_up, timeout)]
    elif rates:
        closed = []
    else:
        closed = [RunPlan(one, seconds, warm_up, timeout) for one in concurrency]
    open_loops = [RunPlan(connections, seconds, warm_up, timeout, rate) for rate in rates]
    return Plans(closed, open_loops, objectives, connections)


def connection_counts(text: str) -> list[int]:
    """Parses "1,4,16". Raises InvalidArgument."""
    found = []
    for word in _words(text, "numbers of connections, such as 1,4,16"):
        if not word.isdecimal() or not 1 <= int(word[:9]) <= MAX_CONNECTIONS:
            raise InvalidArgument(
                f"{word!r} is not a number of connections: give whole numbers from 1 to {MAX_CONNECTIONS}"
            )
        found.append(int(word))
    return list(dict.fromkeys(found))


def request_rates(text: str) -> list[float]:
    """Parses "100,500": requests a second. Raises InvalidArgument."""
    found = []
    for word in _words(text, "requests a second, such as 100,500"):
        try:
            rate = float(word)
        except ValueError:
            rate = math.nan
        if not 0 < rate <= MAX_RATE:
            raise InvalidArgument(f"{word!r} is not a rate: give requests a second, above 0 and up to {MAX_RATE:.0f}")
        found.append(rate)
    return list(dict.fromkeys(found))


def input_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Parses "tokens=1,128" for each input. Raises InvalidArgument."""
    found = {}
    for text in texts:
        name, equals, sizes = text.rpartition("=")
        words = [word.strip() for word in sizes.split(",")]
        if not equals or not name or not all(_SIZE.fullmatch(word) for word in words):
            raise InvalidArgument(f"{text!r} is not a shape: give an input and its sizes, such as tokens=1,128")
        found[name] = tuple(int(word) for word in words)
    return found


def _words(text: str, wanted: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise InvalidArgument(f"{text!r} has an empty part: give {wanted}")
    return words
