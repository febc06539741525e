"""All workers of a server, and what they have in common: loads, the versions that answer, states and sockets.

A version answers calls in two steps. First every worker prepares it: loads it, checks it and warms it up.
Then every worker is told to let it answer, and has said that it does, before anything that it replaces is unloaded.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import astuple
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, cast

from lightship.errors import Cancelled, Internal, LightshipError
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.servable import Servable, ServableId
from lightship.lifecycle.served_models import ModelState, WorkerState
from lightship.server.workers.channel import ChannelClosed
from lightship.server.workers.link import Link, Load
from lightship.server.workers.remote import RemoteServable
from lightship.server.workers.values import encode_state
from lightship.threads import start_thread

logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 30.0  # for a worker to let a version answer; one that takes longer hangs and is ended
_START_SECONDS = 120.0  # for a worker to start, on a machine that is very busy
_MAX_DEATHS = 2  # of workers while a version is loaded that another worker has loaded
_JOINING_LOADS = 2  # versions that a worker which joins the others prepares at the same time


class OpenSockets(NamedTuple):
    """The file descriptors of the sockets on which the workers accept connections."""

    # Whether the first socket is that of REST.
    rest: bool
    # The memory for the numbers of connections, and then the sockets.
    fds: list[int]
    workers: int


class Fleet:
    """The workers and what they have in common. Any thread may call its methods."""

    def __init__(self) -> None:
        # Takes a version that no worker has any more and none can load again, and why. Returns False if
        # the version does not answer calls yet, or not any more.
        self.on_lost: Callable[[Servable, LightshipError], bool] = lambda servable, error: False
        self._changed = threading.Condition()
        self._numbers = count(1)
        self._links: list[Link] = []
        self._loads: dict[int, Load] = {}
        # The arguments of the message `serve`, by model.
        self._serving: dict[str, list[Any]] = {}
        self._states: dict[str, ModelState] = {}
        self._order: Sequence[str] = ()
        self._worker_states: list[list[Any]] = []
        self._sockets: OpenSockets | None = None
        # Versions of which a worker has died.
        self._deadly: set[ServableId] = set()
        self._closed = False

    @property
    def links(self) -> list[Link]:
        """The workers whose processes run."""
        with self._changed:
            return list(self._links)

    # What the manager calls.

    def load(self, id: ServableId, path: Path) -> Servable:
        """Lets every worker prepare a version; one worker first, so that it is compiled only once.

        Raises the error of the first worker that cannot, Internal if a worker dies of it, and Cancelled if the server
        is stopping. Then no worker keeps it.
        """
        load = Load(next(self._numbers), id, path)
        with self._changed:
            self._loads[load.number] = load
        try:
            self._prepare_first(load)
            self._prepare_everywhere(load)
        except BaseException:
            if not start_thread(self.drop, load, name="lightship-drop"):
                self.drop(load)
            raise
        # The manager uses nothing of it but `id` and `close`; the banner uses `engine_of` and `bundle`.
        load.servable = cast(Servable, RemoteServable(load, self.drop, self.engine_of))
        return load.servable

    def publish(self, name: str, leases: Mapping[int, Lease], labels: Mapping[str, int]) -> None:
        """Lets these versions of a model answer in all workers, and no others. Waits until all of them do so."""
        versions = [[version, cast(RemoteServable, one.servable).load.number] for version, one in leases.items()]
        message = [name, versions, dict(labels)]
        with self._changed:
            if self._serving.get(name, [name, [], {}]) == message:
                return
            if versions or labels:
                self._serving[name] = message
            else:
                del self._serving[name]
            asked = [(link, link.channel.ask("serve", message)) for link in self._links if link.member]
        for link, answer in asked:
            _end_if_it_fails(link, answer)

    def drop(self, load: Load) -> None:
        """Lets all workers close a version when no call uses it any more, and waits for that."""
        with self._changed:
            self._loads.pop(load.number, None)
            prepared = [(link, link.forget(load)) for link in self._links]
        dropped: list[Future[Any]] = []
        for link, outcome in prepared:
            with contextlib.suppress(LightshipError, ChannelClosed):
                if outcome is not None:
                    outcome.result()
                    dropped.append(link.channel.ask("drop", load.number))
        for answer in dropped:
            with contextlib.suppress(LightshipError, ChannelClosed):
                answer.result()

    def engine_of(self, load: Load, signature: str) -> str:
        """Returns the name of the runtime that runs a signature. Raises the errors of `Engine.engine_of`."""
        try:
            return str(self._one_worker().channel.ask("engine", [load.number, signature]).result())
        except ChannelClosed:
            raise Cancelled("the worker ended") from None

    def update(self, states: Iterable[ModelState], workers: Sequence[WorkerState], *, wait: bool = False) -> None:
        """Tells all workers the states of all models and workers. With `wait`, returns when all of them know."""
        states = list(states)
        with self._changed:
            known = {state.name: state for state in states}
            changed = [encode_state(state) for state in states if self._states.get(state.name) != state]
            removed = [name for name in self._states if name not in known]
            known_workers, self._worker_states = self._worker_states, [list(astuple(one)) for one in workers]
            self._states, self._order = known, [state.name for state in states if state.wanted]
            asked = []
            if changed or removed or known_workers != self._worker_states:
                message = [changed, removed, self._order, self._worker_states]
                asked = [(link, link.channel.ask("states", message)) for link in self._links if link.member]
        for link, answer in asked if wait else ():
            _end_if_it_fails(link, answer)

    # What a worker's thread calls.

    def add(self, link: Link) -> None:
        with self._changed:
            self._links.append(link)
            if self._closed:
                link.kill()

    def remove(self, link: Link) -> None:
        """Notes that a worker has gone. Nobody waits for it any more."""
        with self._changed:
            link.alive = link.started = link.member = False
            if link in self._links:
                self._links.remove(link)
            self._changed.notify_all()

    def join(self, link: Link, start: Any) -> None:
        """Brings a worker into the state of the others; then it accepts connections, if the others do.

        What no other worker serves any more and this one cannot prepare is lost: the worker joins without it, because
        otherwise none could ever join.

        start: the body of the message `start`. Raises ChannelClosed if the worker dies, TimeoutError if it does not
        start, and LightshipError if it cannot prepare what the others serve.
        """
        link.channel.ask("start", start).result(_START_SECONDS)
        with self._changed:
            link.started = True
            self._changed.notify_all()
        while missing := self._let_join(link):
            self._prepare_missing(link, missing[:_JOINING_LOADS])

    def open(self, sockets: OpenSockets) -> None:
        """Lets all workers accept connections, those too that come later."""
        with self._changed:
            self._sockets = sockets
            for link in self._links:
                if link.member:
                    self._let_accept(link, sockets)

    def close(self) -> list[Link]:
        """Ends all waiting for workers, and lets none join any more. Returns those that are left."""
        with self._changed:
            self._closed, self._sockets = True, None
            self._changed.notify_all()
            return list(self._links)

    @property
    def closed(self) -> bool:
        return self._closed

    def ask_all(self, kind: str) -> list[tuple[Link, Future[Any]]]:
        """Asks all workers that serve."""
        with self._changed:
            return [(link, link.channel.ask(kind)) for link in self._links if link.member]

    def _one_worker(self, least: int = 1) -> Link:
        """Waits for workers that can prepare versions, and returns one, if possible one that serves.

        least: how many there must be.
        """
        with self._changed:
            while not self._closed:
                ready = [link for link in self._links if link.started]
                if len(ready) >= least:
                    return next((link for link in ready if link.member), ready[0])
                self._changed.wait()
        raise Cancelled("the server is stopping")

    def _prepare_first(self, load: Load) -> None:
        """Lets one worker prepare a version. Tries once more if the worker was killed meanwhile, say by an operator."""
        for last in (False, True):
            # What has killed a worker may only be tried again while another one goes on answering.
            link = self._one_worker(2 if load.id in self._deadly else 1)
            with self._changed:
                prepared = link.prepare(load)
            try:
                _warn_of_variables(load, prepared.result())
                return
            except ChannelClosed:
                link.process.wait()
                if self._closed:
                    raise Cancelled("the server is stopping") from None
                if last or not link.process.was_killed:
                    self._deadly.add(load.id)
                    raise Internal(
                        f"worker {link.number} died while it loaded {load.path}: {link.process.reason}"
                    ) from None

    def _prepare_everywhere(self, load: Load) -> None:
        deaths = 0
        while links := self._without(load):
            with self._changed:
                prepared = [(link, link.prepare(load)) for link in links]
            for link, outcome in prepared:
                try:
                    outcome.result()
                except ChannelClosed:
                    deaths += 1
                    if deaths > _MAX_DEATHS and not self._closed:
                        raise Internal(f"{deaths} workers died while they loaded {load.path}") from None
                    link.process.wait()
        self._deadly.discard(load.id)

    def _without(self, load: Load) -> list[Link]:
        """Returns the workers that can prepare a version and have not; none if all have. Waits for those that start."""
        with self._changed:
            while not self._closed:
                missing = [link for link in self._links if not link.has(load)]
                started = [link for link in missing if link.started]
                if started:
                    return started
                if self._links and not missing:
                    load.everywhere = True
                    return []
                self._changed.wait()
        raise Cancelled("the server is stopping")

    def _let_join(self, link: Link) -> list[Load]:
        """Makes a worker one of those that serve if it has all that they have. Otherwise returns what it lacks."""
        with self._changed:
            missing = [load for load in self._loads.values() if load.everywhere and not link.has(load)]
            if missing or self._closed:
                return missing
            for message in self._serving.values():
                link.channel.ask("serve", message).add_done_callback(_ends(link))
            states = [encode_state(state) for state in self._states.values()]
            link.channel.ask("states", [states, [], self._order, self._worker_states]).add_done_callback(_ends(link))
            link.member = True
            if self._sockets is not None:
                self._let_accept(link, self._sockets)
            return []

    def _prepare_missing(self, link: Link, loads: Iterable[Load]) -> None:
        with self._changed:
            prepared = [(load, link.prepare(load)) for load in loads if load.number in self._loads]
        for load, outcome in prepared:
            try:
                outcome.result()
            except LightshipError as error:
                if not self._goes_without(load, error):
                    raise

    def _goes_without(self, load: Load, error: LightshipError) -> bool:
        """Returns whether workers may join without a version that one of them cannot prepare."""
        with self._changed:
            if load.number not in self._loads or not load.everywhere:  # it was unloaded or lost in the meantime
                return True
            if load.servable is None or any(link.member for link in self._links):  # others go on answering with it
                return False
        if not self.on_lost(load.servable, error):
            return False
        load.everywhere = False
        logger.error("%s is lost: no worker has it any more, and it cannot be loaded again", load.id)
        return True

    def _let_accept(self, link: Link, sockets: OpenSockets) -> None:
        answer = link.channel.ask("accept", [sockets.rest, sockets.workers], sockets.fds)
        answer.add_done_callback(_ends(link))


def _warn_of_variables(load: Load, writers: Sequence[str]) -> None:
    if writers:
        logger.warning(
            "%s: %s change variables, and each worker has variables of its own: serve it with one worker",
            load.id,
            ", ".join(writers),
            extra={"model": load.id.name, "version": load.id.version},
        )


def _ends(link: Link) -> Callable[[Future[Any]], None]:
    """Returns a callback that ends a worker which cannot do what it was told."""

    def answered(answer: Future[Any]) -> None:
        error = answer.exception()
        if isinstance(error, LightshipError):
            logger.error("worker %d is ended: %s", link.number, error.message, extra={"worker": link.number})
            link.kill()

    return answered


def _end_if_it_fails(link: Link, answer: Future[Any]) -> None:
    """Waits for an answer, and ends a worker that gives none or an error. Then another takes its place."""
    try:
        answer.result(_ANSWER_SECONDS)
    except ChannelClosed:
        return
    except TimeoutError:
        logger.error("worker %d is ended: it does not answer", link.number, extra={"worker": link.number})
        link.kill()
    except LightshipError as error:
        logger.error("worker %d is ended: %s", link.number, error.message, extra={"worker": link.number})
        link.kill()
