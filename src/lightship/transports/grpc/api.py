"""Answers gRPC requests: from the bytes of a request to the bytes of its response, without a network connection."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError, EncodeError

from lightship.errors import DeadlineExceeded, Internal, LightshipError, ResourceExhausted, Unimplemented
from lightship.semaphore import Semaphore
from lightship.transports.grpc.call import Answer, Call, refusal
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.message_memory import message_memory
from lightship.transports.grpc.methods import CALLS, HEALTH_CALLS, STREAMS, Method

logger = logging.getLogger(__name__)

MAX_WAITING = 64  # calls that wait for models to change; each blocks a thread

# Takes a request's model, the name of its status code, its method, and its duration in microseconds.
Count = Callable[[str, str, str, float], None]


class GrpcApi:
    """Answers requests. Any thread may call its methods; errors become answers.

    `count` is called after each Predict, Classify and Regress. `runs` is the number of requests that run models at the
    same time; other requests wait. 0 means no limit.
    """

    def __init__(self, context: GrpcContext, count: Count, *, runs: int = 0) -> None:
        self._context, self._count = context, count
        self._calls = CALLS | HEALTH_CALLS if context.health != "off" else CALLS
        self._runs = Semaphore(runs) if runs else None
        self._waiting = Semaphore(MAX_WAITING)
        self._lock = threading.Lock()
        self.unfinished = 0

    @property
    def methods(self) -> frozenset[str]:
        """The full names of the methods with a single response, such as
        `/tensorflow.serving.PredictionService/Predict`.
        """
        return frozenset(self._calls)

    @property
    def streams(self) -> frozenset[str]:
        """The full names of the methods that answer one request with a stream of responses."""
        return frozenset(STREAMS) if self._context.health != "off" else frozenset()

    @property
    def services(self) -> tuple[str, ...]:
        """The full names of the services, sorted."""
        return tuple(sorted({name.split("/")[1] for name in self.methods | self.streams}))

    def answer(self, name: str, request: bytes, call: Call) -> Answer:
        """Answers a request. `name` is the full name of the method; an unknown name is answered with UNIMPLEMENTED."""
        method = self._calls.get(name)
        if method is None:
            return refusal(Unimplemented(f"this server has no method {name}"))
        with self._lock:
            self.unfinished += 1
        memory, left = self._context.budget.reservation(), 0
        memory.begin_use()
        call.on_end(memory.release)
        try:
            answer = self._answered(name, method, request, call._replace(memory=memory))
            left = len(answer.body)
            return answer
        finally:
            memory.end_use(left)
            with self._lock:
                self.unfinished -= 1

    def stream(self, name: str, request: bytes, call: Call) -> Iterator[Answer]:
        """Yields the responses of a streaming method as they become available. An error is the last one."""
        method = STREAMS[name]
        if not self._waiting.acquire(0):
            yield refusal(_too_many())
            return
        try:
            for message in method.act(self._context, _parsed(method, request), call):
                yield Answer(message.SerializeToString())
        except Exception as error:
            yield refusal(_explained(error, name))
        finally:
            self._waiting.release()

    def _answered(self, name: str, method: Method, request: bytes, call: Call) -> Answer:
        start = time.perf_counter()
        model, answer = "", Answer(b"")
        try:
            call.check()
            call.memory.keep(message_memory(request, method.request.DESCRIPTOR))
            message = _parsed(method, request)
            model = message.model_spec.name if method.counted_as else ""
            semaphore = self._acquired(method, call)
            try:
                answer = Answer(method.act(self._context, message, call).SerializeToString())
            finally:
                if semaphore is not None:
                    semaphore.release()
        except Exception as error:
            answer = refusal(_explained(error, name))
        if method.counted_as:
            self._count(model, answer.code.name, method.counted_as, (time.perf_counter() - start) * 1_000_000)
        return answer

    def _acquired(self, method: Method, call: Call) -> Semaphore | None:
        """Acquires the semaphore that the method needs and returns it, or returns None if it needs none.

        Raises DeadlineExceeded or Cancelled if the call ended while it waited.
        """
        semaphore = self._waiting if method.waits else self._runs if method.runs else None
        if semaphore is None or semaphore.acquire(0):
            return semaphore
        if method.waits:
            raise _too_many()
        if not semaphore.acquire(call.remaining):
            raise DeadlineExceeded("Timed out waiting for notification")
        try:
            call.check()
        except BaseException:
            semaphore.release()
            raise
        return semaphore


def _parsed(method: Method, request: bytes) -> Any:
    try:
        return method.request.FromString(request)
    except DecodeError as error:
        raise Internal(f"the request cannot be parsed: send a {method.request.DESCRIPTOR.full_name}") from error


def _explained(error: Exception, name: str) -> LightshipError:
    if isinstance(error, LightshipError):
        return error
    if isinstance(error, EncodeError):
        return ResourceExhausted("the answer is larger than 2 GiB, the limit of a protobuf message: send fewer rows")
    if isinstance(error, MemoryError):
        return ResourceExhausted("there is not enough memory for this request: send a smaller one, or try again later")
    logger.error("%s failed", name, exc_info=error)
    return Internal("the server failed on this request; see the server's log")


def _too_many() -> ResourceExhausted:
    return ResourceExhausted(f"{MAX_WAITING} calls wait for models to change already; try again later")
