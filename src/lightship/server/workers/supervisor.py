"""Leads the workers of a server: starts and ends them, and answers what they ask for all of them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from lightship.errors import LightshipError
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.state import State
from lightship.server.listening import Listening
from lightship.server.options import ServerOptions
from lightship.server.unfinished import Unfinished
from lightship.server.workers import places
from lightship.server.workers.channel import ChannelClosed, Handler, Received
from lightship.server.workers.fleet import Fleet, OpenSockets
from lightship.server.workers.hanging import LOOK_SECONDS, HangingWorkers
from lightship.server.workers.link import Link
from lightship.server.workers.orphans import reap_orphans
from lightship.server.workers.process import running
from lightship.server.workers.shares import options_of
from lightship.server.workers.slot import Slot
from lightship.server.workers.totals import Totals
from lightship.server.workers.values import decode, decode_reading, encode, encode_reading
from lightship.transports.accepting import ConnectionCounts
from lightship.transports.grpc.channel_arguments import settings_of
from lightship.transports.grpc.options import Tls
from lightship.transports.metrics.reading import MetricsReading, ProcessMetrics

logger = logging.getLogger(__name__)

Reload = Callable[[Sequence[ModelConfig], Callable[[], bool]], None]

_READ_SECONDS = 5.0  # for a worker to tell its metrics
_READ_EVERY = 2.0  # seconds between two readings of the metrics, so that little is lost with a worker
_LATE = 3.0  # seconds that a worker may take to drain beyond the time to drain
_END_SECONDS = 3.0  # for a worker to end after it has drained
_STARTS = 3  # workers that may die before any has served


class Supervisor:
    """The workers of a server.

    fleet: what they have in common. Its `load` and `publish` are those of the manager.
    """

    def __init__(self, options: ServerOptions, workers: int) -> None:
        self._options, self._workers = options, workers
        self.fleet = Fleet()
        self._totals = Totals()
        self._process_metrics = ProcessMetrics()
        self._slots: list[Slot] = []
        self._reload: Reload | None = None
        self._cancelled: dict[tuple[Link, int], threading.Event] = {}
        self._wake = threading.Event()
        self._closing, self._reload_cancelled = threading.Event(), threading.Event()
        self._telling = threading.Lock()
        self._counts_fd = -1  # none before `start`

    def start(self, manager: Manager) -> None:
        """Starts the workers. From now on they prepare what `fleet.load` says."""
        self._manager = manager
        self.fleet.on_lost = manager.lose
        self._counts_fd = ConnectionCounts.create(places.size(self._workers))
        self._counts = ConnectionCounts(self._counts_fd, places.size(self._workers))
        for number in range(1, self._workers + 1):
            places.clear(self._counts, number, self._workers)
        if self._options.grpc_port or self._options.grpc.socket_path:
            settings_of(self._options.grpc.channel_arguments)  # warns once of what has no effect
        share = options_of(self._options, self._workers)
        self._slots = [
            Slot(number, self._workers, share, self.fleet, self._handlers, self._wake.set, self._on_end)
            for number in range(1, self._workers + 1)
        ]
        manager.subscribe(self._wake.set)
        for target in (self._tell_states, self._read_often, self._end_hanging):
            threading.Thread(target=target, name=f"lightship{target.__name__}", daemon=True).start()
        for slot in self._slots:
            slot.start()

    def open(self, listening: Listening, reload: Reload) -> None:
        """Lets the workers accept connections. `reload` replaces the models when a client of a worker asks for it."""
        self._reload = reload
        self._tell()
        fds = [self._counts_fd, *(one.fileno() for one in listening.sockets)]
        self.fleet.open(OpenSockets(listening.rest is not None, fds, self._workers))

    def reap_orphans(self) -> None:
        """Waits for what workers have left when they died, if this is the first process of a container."""
        if os.getpid() == 1:
            reap_orphans(running)

    @property
    def failure(self) -> str | None:
        """Why the workers cannot serve and never have; None while they can."""
        if self._slots and all(not slot.joined and slot.failures >= _STARTS for slot in self._slots):
            return f"the workers cannot be started: {self._slots[0].problem}"
        return None

    def reopen_log(self) -> None:
        """Lets all workers open the file of the access log anew."""
        for link in self.fleet.links:
            link.channel.tell("reopen_log", None)

    def renew_tls(self, tls: Tls) -> None:
        """Lets all workers, and those that are started later, use other TLS keys for new connections."""
        self._options = replace(self._options, grpc=replace(self._options.grpc, tls=tls))
        share = options_of(self._options, self._workers)
        for slot in self._slots:  # before the workers are told: one that starts now may be told nothing
            slot.change(share)
        for link in self.fleet.links:
            link.channel.tell("renew_tls", encode(tls))

    def drain(self) -> list[tuple[Link, Future[Any]]]:
        """Lets all workers finish their calls and take no new connections. Returns at once."""
        for slot in self._slots:
            slot.close()
        return [(link, link.channel.ask("drain")) for link in self.fleet.close()]

    def stop(self, drained: Sequence[tuple[Link, Future[Any]]]) -> Unfinished:
        """Waits until the workers have drained, and ends them. Returns which requests were cut off."""
        end = time.monotonic() + self._options.drain_seconds + _LATE
        told = [_unfinished(link, answer, end) for link, answer in drained]
        self.close()
        return Unfinished(sum(one.calls for one in told), tuple(text for one in told for text in one.workers))

    def close(self) -> None:
        """Ends all workers."""
        self._closing.set()
        self._wake.set()
        for slot in self._slots:
            slot.close()
        links = self.fleet.close()
        for link in links:
            link.channel.tell("end")
        end = time.monotonic() + _END_SECONDS
        for link in links:
            if not link.process.wait(max(0.0, end - time.monotonic())):
                link.kill()
        for slot in self._slots:
            slot.join(_END_SECONDS)
        if self._counts_fd >= 0:
            os.close(self._counts_fd)
            self._counts_fd = -1

    def _handlers(self, link: Link) -> Mapping[str, Handler]:
        return {
            "reload": Handler(lambda received: self._on_reload(link, received), slow=True),
            "cancel": Handler(lambda received: self._on_cancel(link, received)),
            "metrics": Handler(self._on_metrics, slow=True),
        }

    def _on_end(self, link: Link) -> None:
        """Called when a worker has gone, perhaps twice."""
        if not any(other.number == link.number for other in self.fleet.links):
            places.clear(self._counts, link.number, self._workers)
        self._totals.end(link)
        self._wake.set()
        gone = [cancelled for (caller, _), cancelled in list(self._cancelled.items()) if caller is link]
        for cancelled in gone:
            cancelled.set()
        if gone:
            self._manager.wake()

    def _on_reload(self, link: Link, received: Received) -> None:
        number, models = received.body
        cancelled = self._cancelled.setdefault((link, number), threading.Event())
        assert self._reload is not None
        try:
            self._reload(decode(models), cancelled.is_set)
        finally:
            del self._cancelled[link, number]

    def _on_cancel(self, link: Link, received: Received) -> None:
        cancelled = self._cancelled.get((link, received.body))
        if cancelled is not None:
            cancelled.set()
            self._reload_cancelled.set()  # this thread must not wait for the manager, which may wait for its answers
            self._wake.set()

    def _on_metrics(self, _: Received) -> Any:
        return encode_reading(self.read())

    def read(self) -> MetricsReading:
        """Returns the metrics of all workers and of this process together."""
        self._read_workers()
        return self._totals.read([MetricsReading([], [], self._process_metrics.text())])

    def _read_workers(self) -> None:
        asked = self.fleet.ask_all("metrics")
        end = time.monotonic() + _READ_SECONDS
        for link, answer in asked:
            try:
                reading = decode_reading(answer.result(max(0.0, end - time.monotonic())))
            except (ChannelClosed, TimeoutError, LightshipError):
                continue
            self._totals.take(link, reading)

    def _read_often(self) -> None:
        while not self._closing.wait(_READ_EVERY):
            self._read_workers()

    def _end_hanging(self) -> None:
        hanging = HangingWorkers(self.fleet)
        while not self._closing.wait(LOOK_SECONDS):
            hanging.look()

    def _tell_states(self) -> None:
        """Tells the workers each change of the states, and each second how long versions have been loading."""
        loading = False
        while not self._closing.is_set():
            self._wake.wait(1.0 if loading else None)
            self._wake.clear()
            if self._reload_cancelled.is_set():
                self._reload_cancelled.clear()
                self._manager.wake()
            loading = self._tell()

    def tell(self) -> None:
        """Returns when all workers know the states of all models."""
        self._tell(wait=True)

    def _tell(self, *, wait: bool = False) -> bool:
        """Tells the workers the states. Returns whether a version is loading."""
        with self._telling:
            states = self._manager.states()
            self.fleet.update(states, [slot.state for slot in self._slots], wait=wait)
        return any(version.state is State.LOADING for state in states for version in state.versions)


def _unfinished(link: Link, answer: Future[Any], end: float) -> Unfinished:
    """Waits until a worker has drained. Returns which of its requests were cut off; not every worker can tell."""
    try:
        return Unfinished(int(answer.result(max(0.0, end - time.monotonic()))))
    except ChannelClosed:
        text = f"worker {link.number} died while it finished its calls"
    except TimeoutError:
        text = f"worker {link.number} did not answer while it finished its calls, and was killed"
        link.kill()
    except LightshipError as error:
        text = f"worker {link.number} cannot finish its calls: {error.message}"
    logger.error("%s", text, extra={"worker": link.number})
    return Unfinished(workers=(text,))
