"""The interface of a scheduler, which decides when and with which others a call of the engine runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from lightship.bundle.bundle import Bundle
from lightship.engines.base import Arrays, Engine
from lightship.errors import LightshipError

LATE = "Timed out waiting for notification"  # TensorFlow Serving's message for a deadline that has passed

Results = dict[str, NDArray[Any]]
# Takes the results of a call, or the error that it ended with.
Done = Callable[[Results | BaseException], None]
# Is told of each run of the engine that succeeded: how many microseconds it took.
Ran = Callable[[float], None]
# Is told of each run on the event loop that succeeded: how many seconds it took, how many calls it has answered, and
# how many rows they had if they are several.
RanAtOnce = Callable[[float, int, int], None]
# What became of a call on the event loop. None: it did not run, because it may take long.
Outcome = Results | Exception | None


@dataclass(slots=True, eq=False)  # not frozen: that takes a microsecond more to make
class EngineCall:
    """A run of one signature for one request."""

    signature: str
    # One array for each input. Nobody may change them before the call has ended.
    inputs: Arrays
    # The names of the outputs. None means all.
    outputs: Sequence[str] | None = None
    # The time, by `time.monotonic`, after which nobody waits for the results. None means never.
    deadline: float | None = None
    # How many calls it stands for, all with the same number of rows. If more than one, only `try_run` takes it.
    calls: int = 1
    # The scheduler sets these before the call ends: the seconds of the run, and the number of calls that it answered.
    seconds: float = 0.0
    joined: int = 1


class Scheduler(Protocol):
    """Runs the calls of one servable. Any thread may call its methods."""

    @property
    def room(self) -> int:
        """How many calls should wait in it at most. Further ones had better wait before they are submitted."""

    @property
    def refuses(self) -> bool:
        """Whether it refuses calls when too many wait in it. Then a long wait in it is no sign of overload."""

    def prepares(self, call: EngineCall) -> bool:
        """Returns whether a call has to wait until the engine has compiled something. That is no sign of overload."""

    def run(self, call: EngineCall) -> Results:
        """Runs a call, waits for its results, and returns them. Raises the errors of `Engine.run`.

        Raises DeadlineExceeded if the deadline passes while the call waits.
        """

    def submit(self, call: EngineCall, done: Done) -> None:
        """Runs a call on this thread if it need not wait; otherwise queues it and returns at once. Never raises.

        `done` is called exactly once, unless the call is withdrawn: by the thread that ran the call, before this
        method returns or later.
        """

    def withdraw(self, call: EngineCall) -> bool:
        """Removes a call that waits, and returns True. Returns False if it does not wait any more: then `done` was
        called or will be."""

    def late_error(self, call: EngineCall) -> LightshipError:
        """Returns the error for a call that has not ended at its deadline."""

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        """Runs calls that have arrived together, on an event loop. Never waits, and loads nothing.

        Returns an outcome for each. None means that the call may take long: it must be submitted on a thread. A call
        that stands for several is run joined or not at all: if it has no results, each of them must be made by itself.
        """

    def joins(self, signature: str, calls: int) -> bool:
        """Returns whether `try_run` would run so many calls of one row as one now, if nothing about them forbids it."""

    def close(self) -> None:
        """Ends the scheduler's threads. No call may wait or run."""


# Makes the scheduler of a servable: takes the name of the model, the version, its bundle and its engine.
Schedulers = Callable[[str, int, Bundle, Engine], Scheduler]
