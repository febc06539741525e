"""Pages that take a moment, because other processes are asked for them. They are made on a thread of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lightship.errors import LightshipError, Unavailable
from lightship.transports.http.messages import Response
from lightship.transports.rest.errors import error_response

_MAX_WAITING = 32  # requests


class SlowPages:
    """Makes one page after the other. Must be used on the event loop only."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lightship-pages")
        self._waiting = 0

    def answer(self, page: Callable[[], Response]) -> Response | asyncio.Future[Response]:
        """Returns a future of the page, or a refusal if too many requests wait for theirs."""
        if self._waiting >= _MAX_WAITING:
            return error_response(Unavailable(f"{_MAX_WAITING} requests wait for this page already; try again later"))
        try:
            made = asyncio.get_running_loop().run_in_executor(self._thread, _without_errors, page)
        except RuntimeError:  # the system allows no further thread
            return error_response(Unavailable("there is no thread for this page; try again later"))
        self._waiting += 1
        made.add_done_callback(self._done)
        return made

    def _done(self, _: asyncio.Future[Response]) -> None:
        self._waiting -= 1


def _without_errors(page: Callable[[], Response]) -> Response:
    try:
        return page()
    except LightshipError as error:
        return error_response(error)
