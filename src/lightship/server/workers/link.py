"""One worker as the supervisor sees it. The fleet's lock guards its fields."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightship.lifecycle.servable import Servable, ServableId
from lightship.server.workers.channel import Channel, Handler
from lightship.server.workers.process import WorkerProcess


@dataclass(eq=False, slots=True)
class Load:
    """A version that the workers prepare or have prepared. The same version may be loaded again by another load."""

    number: int
    id: ServableId
    path: Path
    # Whether all workers had it at one moment. Those that come later must have it before they accept connections.
    everywhere: bool = False
    # What the manager knows of it, once it is loaded.
    servable: Servable | None = None


class Link:
    """The process of a worker and the channel to it."""

    def __init__(
        self,
        number: int,
        process: WorkerProcess,
        handlers: Callable[[Link], Mapping[str, Handler]],
        on_close: Callable[[Link], None],
    ) -> None:
        """`handlers` returns what answers the worker. `on_close` is called when the worker has gone."""
        self.number, self.process = number, process
        # Whether its process runs, whether it can prepare versions, and whether it serves what the others serve.
        self.alive, self.started, self.member = True, False, False
        self._outcomes: dict[int, Future[Any]] = {}
        self.channel = Channel(process.connection, handlers(self), lambda: on_close(self))
        self.channel.start()

    def prepare(self, load: Load) -> Future[Any]:
        """Returns a future of the end of the worker's preparation of a version, which begins if it has not begun."""
        future = self._outcomes.get(load.number)
        if future is None:
            body = [load.number, load.id.name, load.id.version, str(load.path)]
            future = self._outcomes[load.number] = self.channel.ask("prepare", body)
        return future

    def has(self, load: Load) -> bool:
        """Returns whether the worker has prepared a version."""
        future = self._outcomes.get(load.number)
        return future is not None and future.done() and future.exception() is None

    def forget(self, load: Load) -> Future[Any] | None:
        """Forgets a load, and returns the future of its preparation if that has begun."""
        return self._outcomes.pop(load.number, None)

    def kill(self) -> None:
        """Ends the worker at once."""
        self.process.kill()
        with contextlib.suppress(OSError):
            self.channel.close()
