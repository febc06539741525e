"""The half of a connection that answers: requests in their order, each by the application, written as they come."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from lightship.transports.http.application import Application
from lightship.transports.http.incoming import Incoming
from lightship.transports.http.messages import Response
from lightship.transports.http.response_text import CONTINUE, head_of

BODY_SECONDS = 60.0  # without a byte of a body that was announced
WRITE_SECONDS = 60.0  # in which little of an answer is taken
_LITTLE = 64 << 10  # bytes; or the half of what is left
IDLE_SECONDS = 75.0  # between requests; load balancers in front keep theirs 60
LINGER_SECONDS = 2.0  # for which a refused body is read on and thrown away, so that the client gets to its answer
_TOGETHER = 32  # requests that are answered before the first of them is written
_JOINED = 64 << 10  # bytes; a longer body is not copied to stand behind its head


class ConnectionsState(ServerState):
    """What connections share. `date`: the header's value.

    Requests that arrive together are first all read, then all answered, then all written: the processor's caches make
    that nearly half as dear as one after the other.
    """

    def __init__(self, date: bytes) -> None:
        super().__init__()
        self.date = date
        self._gathered: list[AnsweringConnection] = []

    def gather(self, connection: AnsweringConnection, loop: asyncio.AbstractEventLoop) -> None:
        """Has a connection's current request answered soon."""
        if not self._gathered:
            loop.call_soon(self._answer_gathered, loop)
        self._gathered.append(connection)

    def _answer_gathered(self, loop: asyncio.AbstractEventLoop) -> None:
        together, self._gathered = self._gathered[:_TOGETHER], self._gathered[_TOGETHER:]
        if self._gathered:
            loop.call_soon(self._answer_gathered, loop)
        for connection in together:
            connection.answer()
        for connection in together:
            connection.deliver()


class AnsweringConnection(asyncio.Protocol):
    """`answered`: requests so far; `quiet_since`: when the last was, on the loop's clock.

    `_reading` is a request whose end has not come, `_current` the one that is being answered, `_waiting` are whole ones
    behind it. `_deaf`: nothing that comes is read any more; `_ended`: the client sends nothing any more; `_blocked`: it
    takes nothing. What waits for the client, waits until `_deadline`.
    """

    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ConnectionsState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app = cast(Application, config.loaded_app)
        self._state = server_state
        self._loop = _loop or asyncio.get_event_loop()
        self._time = self._loop.time
        self._reading: Incoming | None = None
        self._waiting: deque[Incoming] = deque()
        self._current: Incoming | None = None
        self._response: Response | asyncio.Future[Response] | None = None
        self._future: asyncio.Future[Response] | None = None
        self._in_head = self._deaf = self._ended = self._blocked = self._paused = False
        self._deadline = math.inf
        self._untaken = 0  # bytes of answers, when `_deadline` was set for them
        self.answered = 0
        self.quiet_since = self._time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf, self._deadline = True, math.inf
        for answer in (self._future, self._response):
            if isinstance(answer, asyncio.Future):
                answer.cancel()
        for incoming in (self._reading, self._current, *self._waiting):
            if incoming is not None:
                incoming.release()
        self._reading = self._current = self._future = self._response = None
        self._waiting.clear()

    def pause_writing(self) -> None:
        self._blocked = True
        self._untaken = self.transport.get_write_buffer_size()
        self._deadline = self._time() + WRITE_SECONDS

    def resume_writing(self) -> None:
        self._blocked = False
        self._deadline = math.inf if self._current else self._time() + IDLE_SECONDS
        self._advance()

    def _check_taking(self, now: float) -> None:
        """A client may be slow, but not so slow that an answer stays for ever."""
        left = self.transport.get_write_buffer_size()
        if left > max(self._untaken - _LITTLE, self._untaken // 2):
            self.transport.abort()
        self._untaken = left
        self._deadline = now + WRITE_SECONDS

    @property
    def _busy(self) -> bool:
        return self._current is not None or self._blocked or bool(self._waiting)

    def _unanswered(self, incoming: Incoming) -> bool:
        return incoming is self._current or incoming in self._waiting

    def _answer(self, incoming: Incoming) -> None:
        """Soon, or when those before it are answered; until then no more is read."""
        if self._busy:
            self._waiting.append(incoming)
            self._pause_reading()
        else:
            self._begin(incoming)

    def answer(self) -> None:
        """Asks the application, which may answer later."""
        if self._current is not None:
            self._response = self._current.response or self._app.answer(self._current.request())

    def deliver(self) -> None:
        """Writes the answer, or sees to it that it is when it comes."""
        answer, self._response = self._response, None
        if isinstance(answer, asyncio.Future):
            self._future = answer
            answer.add_done_callback(self._on_answer)
        elif answer is not None and self._current is not None:  # else the client is gone
            self._respond(answer)

    def _begin(self, incoming: Incoming) -> None:
        self._deadline = math.inf
        self._current = incoming
        self._state.gather(self, self._loop)

    def _on_answer(self, future: asyncio.Future[Response]) -> None:
        self._future = None
        if self._current is not None and not future.cancelled():  # else the client is gone
            self._respond(future.result())

    def _advance(self) -> None:
        """Takes up what waits; then the next body may be sent, and what comes behind is read."""
        if self._waiting and self._current is None and not self._blocked and not self.transport.is_closing():
            self._begin(self._waiting.popleft())
        if self._busy or self.transport.is_closing():
            return
        self._resume_reading()
        reading = self._reading
        if reading is not None and reading.response is None and not self._in_head:
            if reading.expects_continue and not reading.size:
                self.transport.write(CONTINUE)
            self._deadline = self._time() + BODY_SECONDS

    def _respond(self, response: Response) -> None:
        incoming, self._current = self._current, None
        assert incoming is not None
        last = (self._app.draining or self._ended) and not self._waiting and self._reading is None
        keep_alive = incoming.keep_alive and not response.close and not last
        head = head_of(response, keep_alive=keep_alive, modern=incoming.modern, date=self._state.date)
        body = b"" if incoming.method == "HEAD" else response.body
        if len(body) < _JOINED:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        if incoming.size >= _JOINED or len(body) >= _JOINED:
            self._app.finished(incoming.size, len(body))
        incoming.release()
        self.answered += 1
        self.quiet_since = now = self._time()
        if not self._blocked:
            self._deadline = now + IDLE_SECONDS
        if not keep_alive:
            self._end(incoming)
        elif self._waiting or self._paused or self._reading is not None:
            self._advance()

    def _end(self, incoming: Incoming) -> None:
        """No further answer. The rest of a body that was refused is read and thrown away for a while."""
        if incoming is self._reading:
            self._deadline = self._time() + LINGER_SECONDS
            self._resume_reading()
        else:
            self._deaf = True
            self.transport.close()

    def _pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
