"""The two streaming methods: health's Watch, and reflection. They need no thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from lightship.errors import Code, Internal, LightshipError
from lightship.memory_budget import Reservation
from lightship.protos import HealthCheckRequest, HealthCheckResponse
from lightship.transports.grpc.call import Answer, refusal
from lightship.transports.grpc.call_log import id_header
from lightship.transports.grpc.health import health_of
from lightship.transports.grpc.message_reader import MessageReader
from lightship.transports.grpc.reflection import answer_reflection
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.responses import HEAD, OK, prefixed, refuse, release_when_sent, stalled
from lightship.transports.http2.stream import Stream

if TYPE_CHECKING:
    from lightship.transports.grpc.application import GrpcApplication

_MAX_MESSAGE_BYTES = 64 << 10  # of requests on these streams
_MAX_WATCHES = 64
_MAX_WAITING_BYTES, _MAX_WAITING = 1 << 20, 1000  # bytes and answers that a reflection client may leave unread


class _StreamCall:
    """What both have in common: messages come, messages are sent, and the stream ends with a status."""

    def __init__(self, application: GrpcApplication, stream: Stream, head: GrpcHead) -> None:
        self.application, self.stream = application, stream
        self.deadline = None if head.timeout is None else time.monotonic() + head.timeout
        self.finished = False
        self._begun = False  # headers were sent
        self._memory = Reservation(application.budget)
        self._reader = MessageReader(head.encoding, _MAX_MESSAGE_BYTES, self._memory)
        self._record = application.call_log.record(stream, head)
        application.deadlines.add(self)

    def on_data(self, data: bytes, ended: bool) -> None:
        if self._record is not None:
            self._record.bytes_in += len(data)
            self._record.received = self.stream.connection.lifetime.heard_at
        try:
            if data:
                self._memory.keep()
            for message in self._reader.feed(data):
                if not self.finished:
                    self.take(message.read(_MAX_MESSAGE_BYTES, self._memory))
                    self._memory.shrink(self._memory.held - self.stream.pending_bytes)
            if ended and not self.finished:
                self.end_of_requests(complete=not self._reader.begun)
        except LightshipError as error:
            self.end(refusal(error))

    def on_stalled(self, *, crowded: bool = False) -> None:
        if self._reader.begun:
            self.end(stalled(crowded=crowded))

    def on_closed(self) -> None:
        if not self.finished:
            self.finished = True
            self.application.call_log.add(self._record, Code.CANCELLED)
        release_when_sent(self.stream, self._memory)
        self.closed()

    def on_deadline(self) -> None:
        self.end(Answer(b"", Code.DEADLINE_EXCEEDED, "Deadline Exceeded"))

    def send(self, body: bytes) -> None:
        message = prefixed(body)
        if self._record is not None:
            self._record.bytes_out += len(message)
        self.stream.send(None if self._begun else HEAD, message)
        self._begun = True
        self.stream.output.flush_soon()

    def end(self, answer: Answer | None = None) -> None:
        """Ends the stream, with OK unless there is another status."""
        if self.finished:
            return
        self.finished = True
        answer = answer or Answer(b"")
        if answer.code is Code.OK and self._begun and self._record is None:
            self.stream.finish(OK)
        else:
            refuse(self.stream, answer, begun=self._begun, further=id_header(self._record))
        self.application.call_log.add(self._record, answer.code)
        self.stream.output.flush_soon()
        release_when_sent(self.stream, self._memory)
        self.closed()

    def take(self, message: bytes) -> None:
        """Takes a request."""

    def end_of_requests(self, *, complete: bool) -> None:
        """Called when the client has sent all. `complete`: no message was cut off."""

    def closed(self) -> None:
        """Called once when the stream has ended."""


class Watch(_StreamCall):
    """Sends the health of a service or model now and after each change, until the server shuts down."""

    _service: str | None = None
    _last: int | None = None

    def take(self, message: bytes) -> None:
        if self._service is not None:
            raise Internal("the request has more than one message: send one")
        try:
            request = HealthCheckRequest.FromString(message)
        except DecodeError as error:
            raise Internal("the request cannot be parsed: send a HealthCheckRequest") from error
        if len(self.application.watches) >= _MAX_WATCHES:
            text = f"{_MAX_WATCHES} calls wait for models to change already; try again later"
            self.end(Answer(b"", Code.RESOURCE_EXHAUSTED, text))
            return
        self._service = request.service
        self.application.watches.add(self)
        self.tell()

    def tell(self) -> None:
        """Sends the health if it has changed."""
        assert self._service is not None
        context = self.application.api.context
        ending, health = context.draining(), health_of(context, self._service)
        if health != self._last:
            self._last = health
            self.send(HealthCheckResponse(status=health).SerializeToString())
        if ending:
            self.end()

    def end_of_requests(self, *, complete: bool) -> None:
        if self._service is None or not complete:
            self.end(refusal(Internal("the request is not complete: send one message")))

    def closed(self) -> None:
        self.application.watches.discard(self)


class Reflection(_StreamCall):
    """Answers each question about the services at once."""

    def __init__(self, application: GrpcApplication, stream: Stream, head: GrpcHead, services: Sequence[str]) -> None:
        super().__init__(application, stream, head)
        self._method, self._services = head.method, services

    def take(self, message: bytes) -> None:
        if self.stream.pending_bytes > _MAX_WAITING_BYTES or len(self.stream.pending or ()) > _MAX_WAITING:
            text = "too many answers wait to be received: receive them before you ask more"
            self.end(Answer(b"", Code.RESOURCE_EXHAUSTED, text))
            return
        try:
            for answer in answer_reflection(self._method, self._services, [message]):
                self.send(answer)
            self._memory.keep(self.stream.pending_bytes)
        except DecodeError:
            self.end(refusal(Internal("the request cannot be parsed: send a ServerReflectionRequest")))

    def end_of_requests(self, *, complete: bool) -> None:
        self.end(None if complete else refusal(Internal("the last message is not complete")))
