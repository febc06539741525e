"""What all metrics together cost: processor time of a call of the toy with and without them, and the ratios.

One server is asked in rounds: in each, some turns as it always counts, and some with everything left out that it does
for metrics when it answers a request. Which comes first alternates. The calls arrive together in turns of the event
loop, as in `benchmarks.turns`, and only the processor time of its thread counts, so that a busy machine matters little.
The figures are means over the rounds, with their standard errors. A ratio of 1.02 means that a request costs 2 % more
with metrics. A few readings of the clock stay when they are left out, each less than 0.1 us.

The functions that note and count are called through others, which look whether they are left out. So Python's
interpreter knows all functions on both sides, and the sides can change every few milliseconds. One process with both
sides is better than two, which differ by some microseconds a call even with the same code. With `--no-join` every call
is run by itself, so that there is the most to count. With `--same` nothing is left out: what is found then is the error
of the measurement.

With `--inside` only the functions are measured that note and count, each time they are called, by the clock. That does
not see what they do to the processor's caches, but needs no quiet machine.
Usage: python -m benchmarks.metrics_cost [--calls 1 8 32] [--rounds 1000] [--no-join] [--same | --inside]
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import turns
from benchmarks.access_log import CALLERS

from lightship.server import Server
from lightship.server.run_metrics import RunMetrics
from lightship.transports.http.messages import Response
from lightship.transports.metrics.request_counter import RequestCounter
from lightship.transports.rest.api import RestApi

KNOWN = 100  # turns until the interpreter knows the functions, and the engine the sizes
TURNS = 8  # of a round, on each side


def _nothing(*arguments: object) -> None: ...


def _completed(api: RestApi, response: Response, *_: object) -> Response:
    return api._completed(response) if api._cors else response


def _completed_together(api: RestApi, responses: list[Response], *_: object) -> list[Response]:
    return list(map(api._completed, responses)) if api._cors else responses


# The functions that note and count, and what is called instead of them.
NOTING: list[tuple[Any, str, Callable[..., Any]]] = [
    (RestApi, "counted", _completed),
    (RestApi, "counted_together", _completed_together),
    (RequestCounter, "succeeded", _nothing),
]


def _pass_on(measured: Callable[[Callable[..., Any], Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replaces the functions by what `measured` makes of each and of what is called instead of it."""
    for owner, name, without in NOTING:
        setattr(owner, name, measured(getattr(owner, name), without))
    of = RunMetrics.of
    RunMetrics.of = lambda metrics, model: measured(of(metrics, model), _nothing)  # type: ignore[method-assign]


class Switch:
    """Turns the metrics of the servers of this process off and on. Must be made before they are started."""

    def __init__(self) -> None:
        self.on = True
        _pass_on(self._switched)

    def _switched(self, usual: Callable[..., Any], without: Callable[..., Any]) -> Callable[..., Any]:
        def switched(*arguments: Any) -> Any:
            return usual(*arguments) if self.on else without(*arguments)

        return switched


class Inside:
    """Measures the functions that note and count, less what an empty function takes in the same place."""

    def __init__(self) -> None:
        self.seconds = 0.0
        _pass_on(self._measured)

    def _measured(self, function: Callable[..., Any], _: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any) -> Any:
            begun = time.perf_counter()
            _nothing(*arguments)
            between = time.perf_counter()
            result = function(*arguments)
            self.seconds += time.perf_counter() - between - (between - begun)
            return result

        return measured


class Asked:
    """A server that is asked in turns of so many calls."""

    def __init__(self, server: Server, make: Callable[[Server], turns.Caller], calls: int) -> None:
        self.calls, self._loop = calls, turns.Loop(server)
        self._callers = [make(server) for _ in range(calls)]
        for _ in range(8):  # the first runs of each size are made on threads
            self._loop.turn(self._callers)
            time.sleep(0.2)
        for _ in range(KNOWN):
            self._loop.turn(self._callers)
        self._held = statistics.median(self._turns(()) for _ in range(100))  # what it takes to hold up the loop

    def microseconds(self) -> float:
        """Returns the processor time of a call."""
        return (self._turns(self._callers) - self._held) / self.calls

    def _turns(self, callers: Sequence[turns.Caller]) -> float:
        """Returns the microseconds of a turn."""
        begun = self._loop.seconds()
        for _ in range(TURNS):
            self._loop.turn(callers)
        self._loop.turn(())  # when the loop is held up again, it has ended the turn before
        return (self._loop.seconds() - begun) / TURNS * 1e6


def compare(asked: Asked, switch: Switch, rounds: int, *, same: bool) -> str:
    """Returns a line of figures, in microseconds of a call."""
    found: tuple[list[float], list[float]] = [], []
    for number in range(rounds):
        for side in (number % 2, 1 - number % 2):
            switch.on = same or bool(side)
            found[side].append(asked.microseconds())
    switch.on = True
    without = statistics.fmean(found[0])
    mean, error = _mean([after - before for before, after in zip(*found, strict=True)])
    return (
        f"without {without:6.1f} us  more {mean:5.2f} us (+-{error:.2f})  "
        f"ratio {1 + mean / without:.4f} (+-{error / without:.4f})"
    )


def measure(asked: Asked, inside: Inside, rounds: int) -> str:
    """Returns a line of figures, in microseconds of a call."""
    whole, counting = [], []
    for _ in range(rounds):
        before = inside.seconds
        whole.append(asked.microseconds())
        counting.append((inside.seconds - before) / TURNS / asked.calls * 1e6)
    mean, error = _mean(counting)
    return (
        f"whole {statistics.fmean(whole):6.1f} us  counting {mean:5.2f} us (+-{error:.2f})  "
        f"part {mean / statistics.fmean(whole):.4f}"
    )


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean of the values and its standard error."""
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--no-join", action="store_true", help="run every call by itself")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--same", action="store_true", help="leave nothing out")
    kinds.add_argument("--inside", action="store_true", help="measure the functions that note and count")
    options = parser.parse_args()
    way = Inside() if options.inside else Switch()
    server = turns.started(join=not options.no_join)
    if not options.no_join:
        turns.wait_for_costs(server)
    for transport, make in CALLERS.items():
        for calls in options.calls:
            asked = Asked(server, make, calls)
            if isinstance(way, Inside):
                line = measure(asked, way, options.rounds)
            else:
                line = compare(asked, way, options.rounds, same=options.same)
            print(f"{transport}, {calls:2} calls a turn  {line}", flush=True)
    server.stop()


if __name__ == "__main__":
    main()
