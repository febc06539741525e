"""What all metrics together cost: processor time of a call of the toy with and without them, and the ratios.

One server is asked in rounds: in each, some turns as it always counts, and some with everything left out that it does
for metrics when it answers a request. Which comes first alternates. The calls arrive together in turns of the event
loop, as in `benchmarks.turns`, and only the processor time of its thread counts, so that a busy machine matters little.
The figures are means over the rounds, with their standard errors. A ratio of 1.02 means that a request costs 2 % more
with metrics.

Python's interpreter has to learn the functions again after each switch, which takes 53 calls of each. So the first
turns after it are not measured. One process with both sides is better than two, which differ by some microseconds a
call even with the same code. With `--no-join` every call is run by itself, so that there is the most to count. With
`--same` nothing is left out: what is found then is the error of the measurement.

With `--inside` only the functions are measured that note and count, each time they are called, by the clock. That does
not see what they do to the processor's caches, but it is exact where other programs use the machine.
Usage: python -m benchmarks.metrics_cost [--calls 1 8 32] [--rounds 100] [--no-join] [--same | --inside]
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

from lightship.batching import Joined, direct, signature_queue
from lightship.batching.base import EngineCall, Outcome
from lightship.engines.base import Engine
from lightship.server import Server
from lightship.server.run_metrics import RunMetrics
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.http.messages import Response
from lightship.transports.rest.api import RestApi

UNCOUNTED = 64  # turns after the metrics were turned on or off, until the interpreter knows the functions again
TURNS = 64  # that follow them


class Switch:
    """Turns the metrics of a server off and on.

    A few readings of the clock stay when they are off, each less than 0.1 us.
    """

    def __init__(self, server: Server, *, same: bool) -> None:
        """same: nothing is left out when they are off."""
        assert server.manager is not None
        lease = server.manager._serving._models[turns.TOY.name].latest
        assert lease is not None
        scheduler = lease.servable.scheduler
        replaced: list[tuple[Any, str, Any]] = [
            (RestApi, "counted", _completed),
            (RestApi, "counted_together", _completed_together),
            (GrpcApi, "count", _nothing),
            (direct, "try_alone", _try_alone),
            (signature_queue, "try_alone", _try_alone),
        ]
        if isinstance(scheduler, Joined):
            replaced += [(queue._runs, "_ran_at_once", None) for queue in scheduler._queues.values()]
        usual = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
        self._sides = usual if same else replaced, usual

    def set(self, *, on: bool) -> None:
        for owner, name, value in self._sides[on]:
            setattr(owner, name, value)


def _nothing(*arguments: object) -> None: ...


def _completed(api: RestApi, response: Response, *_: object) -> Response:
    return api._completed(response) if api._cors else response


def _completed_together(api: RestApi, responses: list[Response], *_: object) -> list[Response]:
    return list(map(api._completed, responses)) if api._cors else responses


def _try_alone(engine: Engine, call: EngineCall, ran_at_once: object = None) -> Outcome:
    if call.calls > 1:
        return None
    try:
        return engine.try_run(call.signature, call.inputs, call.outputs)
    except Exception as error:
        return error


class Inside:
    """Measures the functions that note and count, less what an empty function takes in the same place."""

    def __init__(self) -> None:
        self.seconds = 0.0
        noting: list[tuple[Any, str]] = [
            (RestApi, "counted"),
            (RestApi, "counted_together"),
            (GrpcApi, "count"),
            (RunMetrics, "_note"),
        ]
        for owner, name in noting:
            setattr(owner, name, self._measured(getattr(owner, name)))

    def _measured(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any) -> Any:
            begun = time.perf_counter()
            _nothing(*arguments)
            between = time.perf_counter()
            result = function(*arguments)
            self.seconds += time.perf_counter() - between - (between - begun)
            return result

        return measured

    def report(self, server: Server, calls: int, make: Callable[[Server], turns.Caller], rounds: int) -> str:
        """Returns a line of figures, in microseconds of a call."""
        loop, callers, number = turns.Loop(server), _callers(server, calls, make), calls * TURNS
        held = _held(loop)
        whole, inside = [], []
        for _ in range(rounds):
            before = self.seconds
            whole.append((_turns(loop, callers) - held) / calls)
            inside.append((self.seconds - before) / number * 1e6)
        mean, error = statistics.fmean(inside), statistics.stdev(inside) / math.sqrt(rounds)
        return (
            f"whole {statistics.fmean(whole):6.1f} us  counting {mean:5.2f} us (+-{error:.2f})  "
            f"part {mean / statistics.fmean(whole):.4f}"
        )


def compare(server: Server, calls: int, make: Callable[[Server], turns.Caller], rounds: int, *, same: bool) -> str:
    """Returns a line of figures, in microseconds of a call."""
    switch, loop = Switch(server, same=same), turns.Loop(server)
    callers, held = _callers(server, calls, make), _held(loop)
    found: tuple[list[float], list[float]] = [], []
    for number in range(rounds):
        for side in (number % 2, 1 - number % 2):
            switch.set(on=bool(side))
            for _ in range(UNCOUNTED):
                loop.turn(callers)
            found[side].append((_turns(loop, callers) - held) / calls)
    switch.set(on=True)
    without, more = statistics.fmean(found[0]), [after - before for before, after in zip(*found, strict=True)]
    mean, error = statistics.fmean(more), statistics.stdev(more) / math.sqrt(rounds)
    return (
        f"without {without:6.1f} us  more {mean:5.2f} us (+-{error:.2f})  "
        f"ratio {1 + mean / without:.4f} (+-{error / without:.4f})"
    )


def _callers(server: Server, calls: int, make: Callable[[Server], turns.Caller]) -> list[turns.Caller]:
    loop, callers = turns.Loop(server), [make(server) for _ in range(calls)]
    for _ in range(8):  # the first runs of each size are made on threads
        loop.turn(callers)
        time.sleep(0.2)
    for _ in range(UNCOUNTED):
        loop.turn(callers)
    return callers


def _held(loop: turns.Loop) -> float:
    """Returns the microseconds that it takes to hold up the loop for a turn."""
    return statistics.median(_turns(loop, ()) for _ in range(20))


def _turns(loop: turns.Loop, callers: Sequence[turns.Caller]) -> float:
    """Returns the microseconds of a turn."""
    begun = loop.seconds()
    for _ in range(TURNS):
        loop.turn(callers)
    return (loop.seconds() - begun) / TURNS * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--no-join", action="store_true", help="run every call by itself")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--same", action="store_true", help="leave nothing out")
    kinds.add_argument("--inside", action="store_true", help="measure the functions that note and count")
    options = parser.parse_args()
    inside = Inside() if options.inside else None
    server = turns.started(join=not options.no_join)
    if not options.no_join:
        turns.wait_for_costs(server)
    for transport, make in CALLERS.items():
        for calls in options.calls:
            if inside is not None:
                line = inside.report(server, calls, make, options.rounds)
            else:
                line = compare(server, calls, make, options.rounds, same=options.same)
            print(f"{transport}, {calls:2} calls a turn  {line}", flush=True)
    server.stop()


if __name__ == "__main__":
    main()
