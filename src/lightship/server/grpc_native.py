"""A server whose HTTP/2 is Rust's, outside the interpreter's lock (`pygrpc-native`), around the same calls.

Calls come in batches. One that is small and known to be quick is answered where it was received, others have threads.
The library has no TLS, no reflection, none of grpcio's channel arguments, and reads all messages, however many wait.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from lightship.errors import Code, FailedPrecondition, InvalidArgument
from lightship.server.grpc_options import GrpcOptions
from lightship.server.grpc_threads import CallThreads
from lightship.server.listening import listen
from lightship.server.options import Port
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.grpc.call import Answer, Call, NotPrompt

logger = logging.getLogger(__name__)

_MOST_EVENTS = 64  # of a batch
_MOST_PROMPT_BYTES = 4096  # of a message that is tried where it was received
_MOST_IO_THREADS = 2  # of HTTP/2; on one core a second only takes turns with the first
_COMING = 0.2  # seconds for calls that were on their way when the drain began


class NativeGrpcServer:
    """As `GrpcServer`: binds at once, answers after `start`, ends with `drain` and `stop`."""

    def __init__(self, host: str, port: Port, options: GrpcOptions) -> None:
        """Raises FailedPrecondition where the library is not installed, InvalidArgument for what it cannot do, and what
        `GrpcServer` raises."""
        _check(options)
        self._threads = CallThreads()
        self._open: dict[tuple[int, int], _Open] = {}
        self._api: GrpcApi | None = None
        self._begun: float | None = None  # when the drain did
        self._ended = threading.Event()
        self.unanswered = 0
        self._fronts: list[Any] = []
        self.port = 0
        if port != 0:
            listen(host, port, "--grpc-port").close()  # says why where it cannot be had
            self.port = self._bind(f"[{host.strip('[]')}]" if ":" in host else host or "0.0.0.0", port)
        if options.socket_path:
            self._fronts.append(_front(f"unix:{options.socket_path}"))

    def start(self, api: GrpcApi) -> None:
        self._api = api
        self._names: list[tuple[str, bool]] = [(name, False) for name in sorted(api.methods)] + [
            (name, True) for name in sorted(api.streams)
        ]
        for place, front in enumerate(self._fronts):
            front.add_methods(self._names)
            front.start()
            threading.Thread(target=self._receive, args=(place, front), name="grpc", daemon=True).start()

    def drain(self, seconds: float) -> None:
        """As `GrpcServer.drain`. Calls that are on their way at this moment are taken, later ones refused."""
        if self._begun is None:
            self._begun, self._end = time.monotonic(), time.monotonic() + seconds
            threading.Thread(target=self._finish, name="grpc-drain", daemon=True).start()

    def stop(self, seconds: float) -> None:
        self.drain(seconds)
        self._ended.wait(seconds + 1)
        self._threads.shutdown()
        if self.unanswered:
            logger.error("%d calls of gRPC were not finished within %g seconds", self.unanswered, seconds)

    def _bind(self, host: str, port: Port) -> int:
        front = _front(f"{host}:{0 if port == 'auto' else port}")
        self._fronts.append(front)
        return int(front.bound_port)

    def _finish(self) -> None:
        assert self._begun is not None
        time.sleep(max(0.0, min(_COMING, self._end - time.monotonic())))
        while (left := self._unfinished()) and time.monotonic() < self._end:
            time.sleep(0.01)
        self.unanswered = left
        for call in list(self._open.values()):
            call.end()
        for front in self._fronts:
            front.close()
        self._ended.set()

    def _unfinished(self) -> int:
        """Calls that are not answered, or whose answer is still on its way to the client."""
        counts = [method for front in self._fronts for method in front.metrics()["methods"].values()]
        return sum(one["started"] - sum(status["count"] for status in one["status"].values()) for one in counts)

    def _receive(self, place: int, front: Any) -> None:
        """Ends when the front is closed. What was answered on the spot is sent after its batch: on one processor the
        server's own threads would else take their turn after each call."""
        while (events := front.recv_batch_details(_MOST_EVENTS)) is not None:
            answered = []
            for _, number, method, message, _, details in events:
                if message is None:  # the client has gone, or its deadline has passed
                    if (call := self._open.get((place, number))) is not None:
                        call.end()
                elif self._begun is not None and time.monotonic() > self._begun + _COMING:
                    front.fail(number, Code.UNAVAILABLE, "the server is shutting down")
                else:
                    name, streams = self._names[method]
                    deadline = None if details[2] is None else time.monotonic() + details[2]
                    call = _Open(front, number, name, streams, message, deadline)
                    answer = self._prompt(call)
                    if answer is not None:
                        answered.append((call, answer))
                    else:
                        self._open[place, number] = call
                        self._threads.submit(self._work, (place, number), call)
            for call, answer in answered:
                call.reply(answer)

    def _prompt(self, call: _Open) -> Answer | None:
        """The answer, where it is known to be quick."""
        assert self._api is not None
        if len(call.message) > _MOST_PROMPT_BYTES or call.streams:
            return None
        try:
            return self._api.answer(call.name, call.message, Call(call.deadline, prompt=True))
        except NotPrompt:
            return None

    def _work(self, key: tuple[int, int], call: _Open) -> None:
        assert self._api is not None
        seen = Call(call.deadline, lambda: call.over, call.on_end)
        try:
            if call.streams:
                call.reply_all(self._api.stream(call.name, call.message, seen))
            else:
                call.reply(self._api.answer(call.name, call.message, seen))
        finally:
            del self._open[key]


class _Open:
    """A call that was taken, and is not over."""

    __slots__ = ("_front", "_hooks", "_lock", "_number", "deadline", "message", "name", "over", "streams")

    def __init__(
        self, front: Any, number: int, name: str, streams: bool, message: bytes, deadline: float | None
    ) -> None:
        self._front, self._number = front, number
        self.name, self.streams, self.message, self.deadline = name, streams, message, deadline
        self.over = False
        self._lock = threading.Lock()
        self._hooks: list[Callable[[], None]] = []

    def on_end(self, hook: Callable[[], None]) -> None:
        with self._lock:
            if not self.over:
                self._hooks.append(hook)
                return
        hook()

    def end(self) -> None:
        """Nobody waits for the answer any more."""
        with self._lock:
            self.over = True
            hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook()

    def reply(self, answer: Answer) -> None:
        if answer.code is Code.OK:
            self._front.respond(self._number, answer.body)
        else:
            self._front.fail(self._number, answer.code, answer.message)

    def reply_all(self, answers: Iterator[Answer]) -> None:
        for answer in answers:
            if answer.code is not Code.OK:
                self.reply(answer)
                return
            if not self._front.stream_send(self._number, answer.body):  # the client has gone
                return
        self._front.stream_end(self._number)


def _front(target: str) -> Any:
    from pygrpc_native import NativeGrpcFront

    try:
        return NativeGrpcFront(target, [], io_threads=min(_MOST_IO_THREADS, _cores()), call_details=True, metrics=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidArgument(f"gRPC cannot be opened on {target}: {error}") from error


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check(options: GrpcOptions) -> None:
    asked = [
        what
        for what, given in (
            ("TLS", options.tls is not None),
            ("reflection", options.reflection),
            ("channel arguments", bool(options.channel_arguments)),
        )
        if given
    ]
    if asked:
        raise InvalidArgument(f"the gRPC server native has no {' and no '.join(asked)}: choose grpcio")
    try:
        import pygrpc_native  # noqa: F401
    except ImportError as error:
        raise FailedPrecondition(
            "the gRPC server native is not installed: pip install 'lightship[grpc-native]', or choose grpcio"
        ) from error
