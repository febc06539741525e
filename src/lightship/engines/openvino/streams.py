"""Chooses between one run on all processors and several runs side by side, and runs signatures on either."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from lightship.engines.base import CannotRun
from lightship.engines.openvino.compiled import Compiled
from lightship.errors import LightshipError
from lightship.memory import release_freed_memory
from lightship.threads import start_thread

logger = logging.getLogger(__name__)

Costs = Mapping[int, float]  # the seconds of one run by the number of rows

# What several streams must give, as a share of the rate of joined calls on one. They cost a second copy of the weights,
# so those of a large model must give much more. Where the engine alone gives about as much either way, a server gives
# more by several streams: a run on all processors is held up by the event loop, which needs one of them meanwhile.
_SMALL_COPY = 32 << 20  # bytes
_WORTH_SMALL = 0.9
_WORTH_LARGE = 1.15
# Streams are used only for as many calls as would take at least so many times as long one after the other.
_SOONER = 1.1
# Of numbers of streams that give about as much, the smallest has the fastest runs.
_AS_GOOD = 0.95
# Calls that wait at a time on a busy server. Larger batches do not count in the choice.
_USUAL_CALLS = 8
# The copy for several streams is given back when only one call at a time has come for so long.
IDLE_SECONDS = 120.0


def choose_streams(costs: Costs, costs_by_streams: Mapping[int, Costs], copy_bytes: int) -> int:
    """Returns by how many streams to run when calls wait; 1 if that is not worth a second copy of the model.

    `costs` are those of one stream on all processors, and `costs_by_streams` those of one run while all streams run.
    `copy_bytes`: about the size of the copy.
    """
    rates = {streams: _best_rate(some, streams) for streams, some in costs_by_streams.items() if some}
    if not costs or not rates:
        return 1
    worth_it = _WORTH_SMALL if copy_bytes <= _SMALL_COPY else _WORTH_LARGE
    least = max(worth_it * _best_rate(costs, 1), _AS_GOOD * max(rates.values()))
    return min((streams for streams, rate in rates.items() if rate >= least), default=1)


def least_calls(costs: Costs, streams: int, costs_of_streams: Costs) -> int:
    """Returns how many calls at once are clearly answered sooner by so many streams than one after the other."""
    return max(2, min(streams + 1, math.ceil(_SOONER * costs_of_streams[1] / costs[1])))


def _best_rate(costs: Costs, streams: int) -> float:
    """Returns the most rows a second with as many calls as usual, or with one for each stream."""
    most = max(_USUAL_CALLS, streams)
    return max(streams * rows / seconds for rows, seconds in costs.items() if streams * rows <= most)


class Streams:
    """Runs one call at a time on all processors, and several at a time by streams, which share the processors.

    `make` compiles the copies for several streams, by the models that they are copies of. That happens when calls wait
    for the first time. `least` is the number of calls at once from which several streams answer sooner. Any thread may
    call its methods.
    """

    def __init__(
        self, make: Callable[[], Mapping[Compiled, Compiled]], least: int, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._make, self._least, self._idle_seconds = make, least, idle_seconds
        self._inside: list[None] = []
        self._crowded = False
        self._copies: Mapping[Compiled, Compiled] = {}
        self._lock = threading.Lock()
        self._making, self._closed = False, threading.Event()
        self._copying = threading.Lock()  # held while the copies are made
        self._last_crowded = 0.0

    def run(
        self, compiled: Compiled, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Runs a model, or its copy while there are many calls. Both give the same within the golden tolerance."""
        self._inside.append(None)
        try:
            return self._chosen(compiled, len(self._inside)).run(arrays, outputs)
        finally:
            self._inside.pop()

    def _chosen(self, compiled: Compiled, calls: int) -> Compiled:
        """Once there are many calls, all go to the copies until there is one alone: the two must not compete."""
        if calls >= self._least:
            self._crowded, self._last_crowded = True, monotonic()
            if not self._copies:
                self._start_making()
        elif calls == 1:
            self._crowded = False
        return self._copies.get(compiled, compiled) if self._crowded else compiled

    def close(self) -> None:
        """Gives the copies back. If they are being made, waits for that: a process must not end meanwhile."""
        with self._lock:
            self._copies, self._make = {}, dict  # what makes copies refers to the models
            self._closed.set()
        with self._copying:
            pass

    def _start_making(self) -> None:
        with self._lock:
            if not self._making and not self._closed.is_set():
                self._making = start_thread(self._make_and_give_back, name="lightship-streams")

    def _make_and_give_back(self) -> None:
        try:
            with self._copying:
                copies = self._make()
        except (CannotRun, LightshipError) as error:  # not tried again
            logger.info("runs stay one after the other: %s", error)
            return
        with self._lock:
            if self._closed.is_set():
                return
            self._copies = copies
        del copies
        while not self._closed.wait(self._idle_seconds):
            if monotonic() - self._last_crowded >= self._idle_seconds:
                self._give_back()
                return

    def _give_back(self) -> None:
        with self._lock:
            self._copies, self._making = {}, False
        release_freed_memory()
