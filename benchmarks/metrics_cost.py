"""What all metrics together cost: processor time of a call of the toy with and without them, paired, and the ratios.

One server is asked in pairs of some turns: once as it always counts, and once with everything left out that it does
for metrics when it answers a request. Which comes first alternates. The calls arrive together in turns of the event
loop, as in `benchmarks.turns`, and only the processor time of its thread counts, so that a busy machine matters little.
A ratio of 1.02 means that a request costs 2 % more with metrics. With `--no-join` every call is run by itself, so that
there is the most to count.
Usage: python -m benchmarks.metrics_cost [--calls 1 8 32] [--rounds 150] [--no-join]
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks import turns
from benchmarks.access_log import CALLERS

from lightship.batching import Direct, Joined, direct, signature_queue
from lightship.batching.base import EngineCall, Outcome
from lightship.engines.base import Engine
from lightship.server import Server
from lightship.server.join_metrics import JoinMetrics
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.http.messages import Response
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.own.requests import TransportMetrics
from lightship.transports.rest.api import RestApi

UNCOUNTED = 8  # turns after the metrics were turned on or off, until the interpreter knows the new functions
TURNS = 20  # that follow them


class Switch:
    """Turns the metrics of a server off and on.

    A few readings of the clock stay when they are off, each less than 0.1 us.
    """

    def __init__(self, server: Server) -> None:
        assert server.manager is not None
        lease = server.manager._serving._models[turns.TOY.name].latest
        assert lease is not None
        servable = lease.servable
        replaced: list[tuple[Any, str, Any]] = [
            (lease, "servable", replace(servable, observer=None)),
            (Metrics, "request", _nothing),
            (Metrics, "grpc_request", _nothing),
            (TransportMetrics, "succeeded", _nothing),
            (RestApi, "counted", _completed),
            (GrpcApi, "count", _nothing),
            (JoinMetrics, "joined", _nothing),
            (direct, "try_alone", _try_alone),
            (signature_queue, "try_alone", _try_alone),
        ]
        scheduler = servable.scheduler
        if isinstance(scheduler, Joined):
            replaced += [(scheduler._direct, "_ran", None)]
            for queue in scheduler._queues.values():
                replaced += [(queue, "_ran", None), (queue._runs, "_ran", None)]
        assert isinstance(scheduler, Joined | Direct)
        self._sides = replaced, [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]

    def set(self, *, on: bool) -> None:
        for owner, name, value in self._sides[on]:
            setattr(owner, name, value)


def _nothing(*arguments: object) -> None: ...


def _completed(api: RestApi, response: Response, *_: object) -> Response:
    return api._completed(response)


def _try_alone(engine: Engine, call: EngineCall, ran: object = None) -> Outcome:
    if call.calls > 1:
        return None
    try:
        return engine.try_run(call.signature, call.inputs, call.outputs)
    except Exception as error:
        return error


def compare(server: Server, calls: int, make: Callable[[Server], turns.Caller], rounds: int) -> str:
    """Returns a line of figures, in microseconds of a call."""
    switch, loop = Switch(server), turns.Loop(server)
    callers = [make(server) for _ in range(calls)]
    for _ in range(8):  # the first runs of each size are made on threads
        loop.turn(callers)
        time.sleep(0.2)
    held = statistics.median(_turns(loop, ()) for _ in range(rounds))  # what it takes to hold up the loop
    pairs = []
    for number in range(rounds):
        found = [0.0, 0.0]
        for side in (number % 2, 1 - number % 2):
            switch.set(on=bool(side))
            for _ in range(UNCOUNTED):
                loop.turn(callers)
            found[side] = (_turns(loop, callers) - held) / calls
        pairs.append((found[0], found[1]))
    switch.set(on=True)
    without = statistics.median(pair[0] for pair in pairs)
    more = sorted(after - before for before, after in pairs)
    margin = _margin(more)
    median = statistics.median(more)
    return (
        f"without {without:6.1f} us  more {median:6.2f} us (+-{margin:.2f})  "
        f"ratio {1 + median / without:.3f} (+-{margin / without:.3f})"
    )


def _turns(loop: turns.Loop, callers: Sequence[turns.Caller]) -> float:
    """Returns the microseconds of a turn."""
    begun = loop.seconds()
    for _ in range(TURNS):
        loop.turn(callers)
    return (loop.seconds() - begun) / TURNS * 1e6


def _margin(ordered: Sequence[float]) -> float:
    """Returns twice the standard error of a median, estimated from the quartiles."""
    quarter = len(ordered) // 4
    return 2 * 1.25 * (ordered[-1 - quarter] - ordered[quarter]) / 1.35 / math.sqrt(len(ordered))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--no-join", action="store_true", help="run every call by itself")
    options = parser.parse_args()
    server = turns.started(join=not options.no_join)
    if not options.no_join:
        turns.wait_for_costs(server)
    for transport, make in CALLERS.items():
        for calls in options.calls:
            print(f"{transport}, {calls:2} calls a turn  {compare(server, calls, make, options.rounds)}", flush=True)
    server.stop()


if __name__ == "__main__":
    main()
