"""Runs requests on threads, so that the event loop only transfers bytes.

There are few threads for each kind of work, because the engine has its own threads. Kinds of work do not wait for each
other, and within a kind, models and clients take turns. A call that would wait too long is refused at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from lightship.errors import Cancelled, LightshipError, Unavailable
from lightship.processors import available_cpus
from lightship.threads import start_thread
from lightship.transports.http.lanes import Lane, ModelQueue, Origin, WaitLimits

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

_CHECK = 0.1  # seconds between two looks for overdue runs, while calls wait
_FULL = 1  # seconds after which to try again when too many calls wait


class Job(Protocol[Result_co]):
    """Work that holds resources. Either `run` or `release` is called, exactly once."""

    def run(self) -> Result_co | Moved[Result_co] | Pending[Result_co]:
        """Does the work and releases the job's resources, or does a part and returns a job with the rest."""

    def release(self) -> None:
        """Releases the job's resources without doing the work."""


@dataclass(frozen=True, slots=True)
class Moved(Generic[Result_co]):
    """The rest of a job, which is work of another kind."""

    job: Job[Result_co]
    kind: str


class Wait(Protocol):
    """Something that a job waits for without a thread, such as its turn at an engine."""

    # How many calls of a model should wait at once. Further ones wait for a thread, where clients take turns.
    @property
    def room(self) -> int: ...

    # Whether calls are refused when too many wait like this. Then a long wait is no sign of overload.
    @property
    def refuses(self) -> bool: ...

    # Whether it may be long because something has to be prepared first, once. That is no sign of overload either, and
    # such calls take no room from others.
    @property
    def prepares(self) -> bool: ...

    # Known when it is over: the seconds of a thread that it took, and the number of calls that shared them.
    @property
    def seconds(self) -> float: ...

    @property
    def joined(self) -> int: ...

    @property
    def long(self) -> bool:
        """Whether the rest of the job may take long, so that the thread that calls `over` must not do it."""

    def begin(self, over: Callable[[], None], deadline: float | None) -> None:
        """Calls `over` exactly once when the wait is over, unless it is withdrawn: on any thread, perhaps at once.

        Nobody waits for the job after the deadline, by `time.monotonic`, if there is one.
        """

    def late_error(self) -> LightshipError:
        """Returns the error for a job whose deadline passes before the wait is over."""

    def withdraw(self) -> bool:
        """Gives the wait up and returns True. Returns False if that is too late: `over` was or will be called."""


@dataclass(frozen=True, slots=True)
class Pending(Generic[Result_co]):
    """The rest of a job, which can go on when a wait is over."""

    job: Job[Result_co]
    wait: Wait


class Overloaded(Unavailable):
    """There is too much work. `retry_after`: the number of seconds after which to try again, at least 1."""

    def __init__(self, retry_after: int) -> None:
        text = f"the server has too much work to answer this request in time; try again in {retry_after} s"
        super().__init__(text, retry_after)


class Refusal(Protocol[Result_co]):
    """Makes the result of a job that is refused."""

    def __call__(self, error: Overloaded, origin: Origin, /) -> Result_co: ...


# Is told of a job that was released because nobody waited for its result any more: the future of the result, which is
# done or cancelled, and where the job belongs. Any thread may call it.
GivenUp = Callable[[asyncio.Future[Any], Origin], None]


@dataclass(slots=True, eq=False)
class _Submitted(Generic[Result]):
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Result]
    origin: Origin
    refusal: Refusal[Result]
    deadline: float | None
    # None once it was taken to be run, moved or released.
    job: Job[Result] | None
    given_up: GivenUp | None = None
    # What the job waits for without a thread, and whether that has to be prepared first.
    wait: Wait | None = None
    prepares: bool = False
    # The seconds of threads that its parts before the last wait have taken.
    seconds: float = 0.0
    # Whether it counts as finished already, where overload is measured.
    finished: bool = False


class Executor:
    """Runs jobs on its own threads.

    threads: the number of jobs of one kind that run at once. `Lane` says when there may be more, and who is next.
    max_waiting: the number of jobs of one kind that wait. If there are more, the client with the most waiting jobs
        loses its newest one to a client with fewer.

    `submit`, `refused` and `close` may be called only on the event loop's thread.
    """

    def __init__(
        self,
        threads: int,
        max_waiting: int,
        limits: WaitLimits = WaitLimits(),  # noqa: B008 - immutable
    ) -> None:
        self._most, self._max_waiting, self._limits = threads, max_waiting, limits
        self._lanes: dict[str, Lane[_Submitted[Any]]] = {}
        self._lock = threading.Lock()  # of all lanes
        self._ready: queue.SimpleQueue[_Submitted[Any] | None] = queue.SimpleQueue()
        self._idle = self._started = 0
        self._closed = False
        self._checking = False
        # Jobs that wait or run, and jobs that wait.
        self.unfinished = self.waiting = 0

    def submit(
        self,
        job: Job[Result],
        origin: Origin,
        refusal: Refusal[Result],
        deadline: float | None = None,
        given_up: GivenUp | None = None,
    ) -> Result | asyncio.Future[Result]:
        """Starts or queues a job and returns a future of its result.

        `deadline` is when nobody will wait for it any more, by `time.monotonic`. What the job waits for may heed it.

        If the future is done or cancelled before a thread takes the job, the job is released instead, and `given_up` is
        told. Returns what `refusal` makes, and releases the job, if the job would wait too long, its own deadline
        considered, or if too many jobs wait.
        """
        loop, now = asyncio.get_running_loop(), time.monotonic()
        submitted = _Submitted(loop, loop.create_future(), origin, refusal, deadline, job, given_up)
        with self._lock:
            seconds, shed = self._enter(submitted, now)
        self._refuse(shed)
        if seconds:
            job.release()
            return refusal(Overloaded(seconds), origin)
        self.unfinished += 1
        submitted.future.add_done_callback(lambda _: self._forget(submitted))
        return submitted.future

    def refused(self, origin: Origin, refusal: Refusal[Result], deadline: float | None = None) -> Result | None:
        """Returns what `refusal` makes if a job would be refused now, without making the job; or None."""
        if not self.waiting:
            return None
        now = time.monotonic()
        with self._lock:
            lane, calls = self._places(origin)
            seconds = self._refusal_seconds(lane, calls, origin, now, deadline)
            if seconds:
                calls.load.arrived(now)
        return refusal(Overloaded(seconds), origin) if seconds else None

    def queues(self) -> dict[tuple[str, str], int]:
        """Returns how many jobs wait, for a thread or without one, by their kind and model. May be called anywhere."""
        with self._lock:
            return {
                (kind, queue.model): queue.waiting + queue.pending + queue.preparing
                for kind, lane in self._lanes.items()
                for queue in lane.queues.values()
            }

    def close(self) -> None:
        """Ends the threads once no job waits. Does not wait for them."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, 0
        for _ in range(idle):
            self._ready.put(None)

    def _places(self, origin: Origin) -> tuple[Lane[_Submitted[Any]], ModelQueue[_Submitted[Any]]]:
        lane = self._lanes.get(origin.kind)
        if lane is None:
            lane = self._lanes[origin.kind] = Lane(self._most, self._limits)
        return lane, lane.queue(origin.model)

    def _refusal_seconds(
        self,
        lane: Lane[_Submitted[Any]],
        calls: ModelQueue[_Submitted[Any]],
        origin: Origin,
        now: float,
        deadline: float | None,
    ) -> int:
        seconds = lane.refusal(calls, origin.client, now, math.inf if deadline is None else max(0.0, deadline - now))
        if seconds or not self._is_full(lane, calls):
            return seconds
        return 0 if lane.most_waiting().most() > calls.own(origin.client) + 1 else _FULL

    def _is_full(self, lane: Lane[_Submitted[Result]], calls: ModelQueue[_Submitted[Result]]) -> bool:
        return lane.waiting >= self._max_waiting and not lane.may_start(calls)

    def _enter(self, submitted: _Submitted[Any], now: float) -> tuple[int, list[_Submitted[Any]]]:
        """Starts or queues a job. Returns the seconds after which to try again if it is refused, and what is shed."""
        origin = submitted.origin
        lane, calls = self._places(origin)
        before = calls.load.overloaded
        calls.load.arrived(now)
        shed = lane.shed(calls) if calls.load.overloaded and not before else []
        seconds = self._refusal_seconds(lane, calls, origin, now, submitted.deadline)
        if not seconds and self._is_full(lane, calls):
            shed.append(lane.displace())
        self.waiting -= len(shed)
        if seconds:
            return seconds, shed
        if lane.may_start(calls) and self._find_thread():
            lane.start(calls, submitted, now)
            self._ready.put(submitted)
        elif lane.waiting >= self._max_waiting and lane.may_start(calls):
            return _FULL, shed  # it waits for a thread that the system does not allow now
        else:
            calls.add(origin.client, submitted)
            lane.waiting += 1
            self.waiting += 1
            if not self._checking:
                self._checking = True
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    submitted.loop.call_soon_threadsafe(self._check_later, submitted.loop)
        return 0, shed

    def _find_thread(self) -> bool:
        """Reserves an idle thread, or starts one. Returns False if the system allows no further thread now."""
        if self._idle:
            self._idle -= 1
        elif start_thread(self._work, name=f"call-{self._started + 1}"):
            self._started += 1
        else:
            return False
        return True

    def _check_later(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(_CHECK, self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts what may start because of overdue runs, or because the system allows a thread again."""
        try:
            now = time.monotonic()
            with self._lock:
                for lane in self._lanes.values():
                    lane.notice_overdue(now)
                    self._start_waiting(lane, now)
        finally:  # an error must not end the checks
            self._checking = self.waiting > 0
            if self._checking:
                self._check_later(loop)

    def _start_waiting(self, lane: Lane[_Submitted[Any]], now: float) -> None:
        """Starts the calls of a lane that may start now and for which there are threads."""
        while lane.may_start_next() and self._find_thread():
            item = lane.next(now)
            assert item is not None
            self.waiting -= 1
            self._ready.put(item)

    def _forget(self, submitted: _Submitted[Any]) -> None:
        """Releases a job that waits although nobody waits for its result any more."""
        if submitted.job is None:
            return
        wait = submitted.wait  # another thread may end it just now
        if wait is not None:
            if not wait.withdraw():
                return  # it goes on
            self._end_wait(submitted)
        else:
            with self._lock:
                lane, calls = self._places(submitted.origin)
                if not calls.remove(submitted.origin.client, submitted):
                    return  # a thread has taken it
                lane.waiting -= 1
                self.waiting -= 1
        self._release(submitted)
        self._give_up(submitted)
        self.unfinished -= 1

    def _give_up(self, submitted: _Submitted[Any]) -> None:
        if submitted.given_up is not None:
            submitted.given_up(submitted.future, submitted.origin)

    def _refuse(self, shed: list[_Submitted[Any]]) -> None:
        for submitted in shed:
            self._release(submitted)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                submitted.loop.call_soon_threadsafe(
                    self._finish, submitted.future, submitted.refusal(Overloaded(_FULL), submitted.origin)
                )

    def _release(self, submitted: _Submitted[Any]) -> None:
        job, submitted.job, submitted.wait = submitted.job, None, None
        if job is not None:
            job.release()

    def _work(self) -> None:
        while (submitted := self._ready.get()) is not None:
            following: _Submitted[Any] | None = submitted
            del submitted  # frees the job's objects before the next job comes
            try:
                while following is not None:
                    following = self._run(following)
            except Exception:  # an error of the executor itself must not end its threads
                logger.exception("a job could not be ended")

    def _run(self, submitted: _Submitted[Any], *, own_thread: bool = True) -> _Submitted[Any] | None:
        """Runs a job. Returns the next one for this thread, or None if there is none or the thread is not ours."""
        result: object
        job, submitted.job = submitted.job, None
        assert job is not None
        try:
            if submitted.future.done():
                job.release()
                self._give_up(submitted)
                result = Cancelled("the client does not wait for this call any more")
            else:
                result = job.run()
        except BaseException as error:
            result = error
        del job
        if isinstance(result, Pending):
            return self._wait(submitted, result, own_thread=own_thread)
        following = self._ended(submitted.origin, submitted, own_thread=own_thread)
        if isinstance(result, Moved):
            self._move(submitted, result)
        else:
            self._deliver(submitted, result)
        return following

    def _ended(self, origin: Origin, run: object, *, own_thread: bool) -> _Submitted[Any] | None:
        """Gives the place of a run to the next job. Returns that job if this thread is to run it."""
        now = time.monotonic()
        with self._lock:
            lane, ran = self._places(origin)
            if isinstance(run, _Submitted):
                lane.finish(ran, run, now, run.seconds, counted=run.finished)
            else:
                lane.finish(ran, run, now, None)
            following = lane.next(now) if own_thread or (lane.may_start_next() and self._find_thread()) else None
            if following is not None:
                self.waiting -= 1
                if not own_thread:
                    self._ready.put(following)
            elif own_thread and self._closed:
                self._ready.put(None)
            elif own_thread:
                self._idle += 1
        return following if own_thread else None

    def _wait(
        self, submitted: _Submitted[Any], pending: Pending[Result], *, own_thread: bool
    ) -> _Submitted[Any] | None:
        """Lets a job wait without a thread, although this thread may first do what it waits for."""
        wait, run = pending.wait, object()
        submitted.prepares = wait.prepares
        with self._lock:
            _, calls = self._places(submitted.origin)
            submitted.seconds += calls.leave(submitted, run, time.monotonic())
            calls.room = wait.room
            calls.wait(preparing=submitted.prepares)
            if (wait.refuses or submitted.prepares) and not submitted.finished:
                submitted.finished = True
                calls.load.finished()
        submitted.job, submitted.wait = pending.job, wait
        wait.begin(partial(self._go_on, submitted, wait), submitted.deadline)
        following = self._ended(submitted.origin, run, own_thread=own_thread)
        if submitted.future.done():  # it may have been cancelled before its wait was known
            self._deliver_forgotten(submitted)
        return following

    def _end_wait(self, submitted: _Submitted[Any]) -> None:
        """Gives the place of a call whose wait was withdrawn to the next job."""
        with self._lock:
            lane, calls = self._places(submitted.origin)
            calls.end_wait(preparing=submitted.prepares)
            self._start_waiting(lane, time.monotonic())

    def _go_on(self, submitted: _Submitted[Any], wait: Wait) -> None:
        """Does the rest of a job whose wait is over. It has a place at once: it must not wait a second time."""
        submitted.wait = None
        with self._lock:
            lane, calls = self._places(submitted.origin)
            calls.end_wait(preparing=submitted.prepares)
            calls.shared(wait.joined)
            submitted.seconds += wait.seconds / wait.joined
            lane.start(calls, submitted, time.monotonic())
            handed_over = wait.long and self._find_thread()
            if handed_over:
                self._ready.put(submitted)
        if not handed_over:
            self._run(submitted, own_thread=False)

    def _move(self, submitted: _Submitted[Any], moved: Moved[Result]) -> None:
        """Lets the rest of a job wait in the lane of its kind."""
        submitted.job, submitted.origin = moved.job, submitted.origin._replace(kind=moved.kind)
        submitted.seconds = 0.0
        with self._lock:
            seconds, shed = self._enter(submitted, time.monotonic())
        self._refuse(shed)
        if seconds:
            self._release(submitted)
            self._deliver(submitted, submitted.refusal(Overloaded(seconds), submitted.origin))
        elif submitted.future.done():
            self._deliver_forgotten(submitted)

    def _deliver_forgotten(self, submitted: _Submitted[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            submitted.loop.call_soon_threadsafe(self._forget, submitted)

    def _deliver(self, submitted: _Submitted[Any], result: Result | BaseException) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            submitted.loop.call_soon_threadsafe(self._finish, submitted.future, result)

    def _finish(self, future: asyncio.Future[Result], result: Result | BaseException) -> None:
        self.unfinished -= 1
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


def run_job(job: Job[Result]) -> Result:
    """Does a whole job on this thread, and waits for what it waits for."""
    result = job.run()
    while isinstance(result, Moved | Pending):
        if isinstance(result, Pending):
            over = threading.Event()
            result.wait.begin(over.set, None)
            over.wait()
        result = result.job.run()
    return result


def default_threads() -> int:
    """Returns two threads per processor that this process may use, and at least four."""
    return max(4, 2 * available_cpus())
