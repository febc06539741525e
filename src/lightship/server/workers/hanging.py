"""Ends workers that hang. Otherwise versions and reloads would wait for them without an end."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import Any

from lightship.server.workers.fleet import Fleet
from lightship.server.workers.link import Link

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # between two looks at all workers
# Looks at a worker that has not answered since, after which it is ended. They are counted instead of the time, because
# the whole server may have been halted meanwhile.
MAX_LOOKS = 30


class HangingWorkers:
    """Asks all workers whether they still answer. One thread must call `look`, every `LOOK_SECONDS`."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        # What each worker was asked last, and how many looks ago.
        self._asked: dict[Link, tuple[Future[Any], int]] = {}

    def look(self) -> None:
        """Ends the workers that have not answered for `MAX_LOOKS`, and asks those that have answered again."""
        asked, self._asked = self._asked, {}
        for link in self._fleet.links:
            if link.started:
                answer, looks = asked.get(link) or (link.channel.ask("alive"), 0)
                self._asked[link] = (link.channel.ask("alive"), 0) if answer.done() else (answer, looks + 1)
                if self._asked[link][1] > MAX_LOOKS:
                    logger.error("worker %d is ended: it hangs", link.number, extra={"worker": link.number})
                    link.kill()
