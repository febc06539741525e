"""Keeps one worker running: starts it, brings it into the state of the others, and starts it again when it dies."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from lightship.errors import LightshipError
from lightship.lifecycle.served_models import WorkerState
from lightship.server.options import ServerOptions
from lightship.server.workers.channel import ChannelClosed, Handler
from lightship.server.workers.fleet import Fleet
from lightship.server.workers.link import Link
from lightship.server.workers.process import WorkerProcess
from lightship.server.workers.shares import processors_of
from lightship.server.workers.values import encode

logger = logging.getLogger(__name__)

_STEADY = 60.0  # seconds after which the death of a worker counts as the first one
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds; the first death has no pause, each further one twice as long a one


class Slot:
    """The place of one worker, with a thread of its own.

    number: the worker's, from 1. of: the number of workers. options: those of one worker. handlers: return what answers
    a worker. on_join: is called when a worker serves. on_end: is called with each worker that has gone.
    """

    def __init__(
        self,
        number: int,
        of: int,
        options: ServerOptions,
        fleet: Fleet,
        handlers: Callable[[Link], Mapping[str, Handler]],
        on_join: Callable[[], None],
        on_end: Callable[[Link], None],
    ) -> None:
        self.number = number
        self.started = 0  # how many workers were started here
        self.failures = 0  # how many of them died one soon after the other
        self.joined = False  # whether one of them has served
        self.problem = ""  # why the last one ended
        self.change(options)
        self._processors = processors_of(number - 1, of)
        self._fleet, self._handlers, self._on_join, self._on_end = fleet, handlers, on_join, on_end
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lightship-worker-{number}", daemon=True)

    @property
    def state(self) -> WorkerState:
        link = next((one for one in self._fleet.links if one.number == self.number), None)
        state = "ENDED" if link is None else "SERVING" if link.member else "STARTING"
        return WorkerState(self.number, 0 if link is None else link.process.pid, state, max(0, self.started - 1))

    def start(self) -> None:
        self._thread.start()

    def change(self, options: ServerOptions) -> None:
        """Gives workers that are started from now on these options."""
        self._start = {"number": self.number, "options": encode(options)}

    def close(self) -> None:
        """Starts no further worker."""
        self._closing.set()

    def join(self, timeout: float) -> None:
        """Waits until the worker has ended."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                self._run_worker()
            except OSError as error:
                self.problem = f"it cannot be started: {error}"
            except Exception as error:  # the worker ends with this thread, and nobody else would start it again
                logger.exception("the place of worker %d failed", self.number, extra={"worker": self.number})
                self.problem = f"{type(error).__name__}: {error}"
            if self._closing.is_set():
                return
            self.failures = 1 if time.monotonic() - began > _STEADY else self.failures + 1
            pause = pause_after(self.failures)
            logger.error(
                "worker %d is started again%s: %s",
                self.number,
                f" in {pause:g} s" if pause else "",
                self.problem,
                extra={"worker": self.number},
            )
            self._closing.wait(pause)

    def _run_worker(self) -> None:
        """Starts a worker and returns when it has ended."""
        link = self._new_link()
        self.started += 1
        self._fleet.add(link)
        refused = self._join(link)
        link.process.wait()
        self._gone(link)
        self.problem = refused or link.process.reason

    def _new_link(self) -> Link:
        """Starts a process and the channel to it. Raises OSError if the system cannot."""
        process = WorkerProcess(self._processors)
        try:
            return Link(self.number, process, self._handlers, self._gone)
        except OSError:
            process.kill()
            process.connection.close()
            process.wait()
            raise

    def _join(self, link: Link) -> str:
        """Lets a worker serve. Returns why it could not and was ended, or "" if it serves or died."""
        try:
            self._fleet.join(link, self._start)
            self.joined = True
            self._on_join()
            return ""
        except ChannelClosed:
            return ""
        except TimeoutError:
            refused = "it does not start"
        except LightshipError as error:
            refused = f"it cannot load what the others serve: {error.message}"
        link.kill()
        return refused

    def _gone(self, link: Link) -> None:
        """Called on several threads when the worker or its channel has ended."""
        link.kill()
        self._fleet.remove(link)
        self._on_end(link)


def pause_after(failures: int) -> float:
    """Returns the seconds to wait before a worker is started again after so many deaths in a row."""
    return 0.0 if failures < 2 else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 2, 30))
