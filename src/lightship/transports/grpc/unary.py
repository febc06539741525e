"""A call with one request and one response, on its stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lightship.errors import Cancelled, Code, Internal, LightshipError
from lightship.memory_budget import Reservation
from lightship.transports.grpc.api import ReadPredict, UnaryJob
from lightship.transports.grpc.call import Answer, Caller, refusal
from lightship.transports.grpc.compression import MAX_INLINE_BYTES, Compression
from lightship.transports.grpc.message_reader import PREFIX_BYTES, Message, MessageReader, deflate
from lightship.transports.grpc.methods import Method
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.request_templates import Template
from lightship.transports.grpc.responses import HEAD, OK, compressed_head, prefixed, refuse, release_when_sent, stalled
from lightship.transports.http2.frames import read_u32
from lightship.transports.http2.stream import Stream

if TYPE_CHECKING:
    from lightship.transports.grpc.application import GrpcApplication

_CALL_BYTES = 4 << 10  # what the objects of a call take while it waits for a thread, besides its message
MAX_JOINED_BYTES = 64 << 10  # bytes; a larger answer is not joined with its prefix
_ROUNDED, _SKEW = 0.02, 0.01  # a part of a timeout, and seconds, by which a client's deadline may be earlier than ours
_TOO_LATE = Answer(b"", Code.DEADLINE_EXCEEDED, "Deadline Exceeded")


class UnaryCall(Caller):
    """The handler of a stream, and the caller of its method.

    `deadline` is that of the client, by `time.monotonic`. `finished` is True when it was answered, or has ended without
    an answer.
    """

    finished = False
    queued = False  # whether it waits for its turn on the event loop
    # The initial values are the class's, because every call makes one of these and most change few.
    _reader: MessageReader | None = None
    _message: Message | None = None
    _data = b""  # a short message that came in one piece, with its prefix
    _answer: Answer | None = None
    _read: ReadPredict | None = None  # a short request that was read, and is run at the end of this turn
    _future: asyncio.Future[Any] | None = None
    _hooks: list[Callable[[], None]] | None = None
    late = False  # it has ended because of its deadline
    _received = False
    _checked = False  # whether a long message may be received
    _ok = OK  # the trailers of an answer
    # For the access log: when a short request was received, if it had to wait for a later turn of the event loop.
    received_at = 0.0

    def __init__(self, application: GrpcApplication, stream: Stream, method: Method, head: GrpcHead) -> None:
        self._application, self.stream, self.method, self._head = application, stream, method, head
        self.memory = Reservation(application.budget)
        if head.timeout is not None:
            self.deadline = time.monotonic() + head.timeout

    # As the handler of a stream.

    def on_data(self, data: bytes, ended: bool) -> None:
        if self.finished:
            return
        application = self._application
        if (
            ended
            and self._reader is None
            and len(data) >= PREFIX_BYTES
            and data[0] == 0
            and read_u32(data, 1)[0] == len(data) - PREFIX_BYTES
            and self.method.prompt
            and len(data) <= application.max_inline
        ):
            self._take(data)
            return
        try:
            self._collect(data)
            if ended and not self.finished:
                self._receive()
        except LightshipError as error:
            self._refuse(refusal(error))

    def on_stalled(self, *, crowded: bool = False) -> None:
        self._refuse(stalled(crowded=crowded))

    def on_closed(self) -> None:
        self.late = self._at_deadline
        self._count_unread()
        self._finish()

    @property
    def _at_deadline(self) -> bool:
        """Whether a stream that ends now does so because of its deadline.

        A client resets the stream then, and its clock differs a little.
        """
        timeout, remaining = self._head.timeout, self.remaining
        return timeout is not None and remaining is not None and remaining <= _ROUNDED * timeout + _SKEW

    def on_deadline(self) -> None:
        self.late = True
        self._count_unread()
        self._refuse(_TOO_LATE)

    # As the caller of a method.

    def cancelled(self) -> bool:
        return self.finished

    def on_end(self, hook: Callable[[], None]) -> None:
        hooks = self._hooks = self._hooks or []
        hooks.append(hook)
        if self.finished:
            hook()

    # What the application does with a complete call.

    @property
    def request(self) -> bytes:
        """The message of a short call."""
        return self._data[PREFIX_BYTES:]

    def take_answer(self, answer: Answer) -> None:
        """Takes the answer that `deliver` is to deliver."""
        self._answer = answer

    def answer(self, template: Template | None = None) -> None:
        """Answers a short call, or reads it so that it can be run together with others.

        `template`: one that fits the request, if it is known.
        """
        if self.finished:
            return
        application, data = self._application, self._data
        refused = application.refused(self, len(data), data[PREFIX_BYTES:]) if application.executor.waiting else None
        answer = refused or application.api.start(self.method, data[PREFIX_BYTES:], self, template)
        if isinstance(answer, Answer):
            self._answer = answer
            return
        if isinstance(answer, UnaryJob):
            self._submit_read(answer)
            return
        self._read = answer
        if answer.prediction is not None:
            application.turn.add(answer.prediction)

    def deliver(self) -> bool:
        """Adds the answer to what is written next. Returns False if there is none yet.

        A call that was read and not run goes to a thread.
        """
        read = self._read
        if read is not None:
            self._read = None
            done = read.finish()
            if isinstance(done, UnaryJob):
                self._submit_read(done)
                return False
            self._answer = done
        answer = self._answer
        if answer is None or self.finished:
            return False
        if answer.code or len(answer.body) > self._application.max_plain:
            if not self._respond(answer):
                return False
        else:
            self.stream.respond(HEAD, prefixed(answer.body), self._ok)
        self._finish()
        return True

    def _take(self, data: bytes) -> None:
        """Lets a short request be answered on the event loop. `data` is its message, with the prefix."""
        application = self._application
        self._data = data
        self._received = True
        application.unfinished += 1
        try:
            application.complete(self, len(data))
        except LightshipError as error:
            self._refuse(application.api.refuse(self.method, error, ""))

    def _count_unread(self) -> None:
        """Counts a short call that ends before its turn on the event loop."""
        if self.queued:
            self._application.count_unread(self)

    def _collect(self, data: bytes) -> None:
        """Takes bytes of a message that is not complete, or not short."""
        reader = self._reader
        if reader is None:
            self.memory.keep()
            self.stream.memory = self.memory
            limit = self._application.settings.max_receive
            reader = self._reader = MessageReader(self._head.encoding, limit, self.memory)
        for message in reader.feed(data):
            if self._message is not None:
                raise Internal("the request has more than one message: send one")
            self._message = message
        if not self._checked and reader.size > self._application.max_inline:
            self._checked = True
            if self._application.executor.waiting:
                self._refuse_early(reader.size, reader.start)

    def _refuse_early(self, size: int, start: bytes) -> None:
        """Refuses a long message while it comes, if there is too much work."""
        refused = self._application.refused(self, size, start)
        if refused is not None:
            self._refuse(refused)

    def _receive(self) -> None:
        """Lets the request be answered when all of it has come."""
        reader, message = self._reader, self._message
        assert reader is not None
        if message is None or reader.begun:
            raise Internal("the request is not complete: send one message")
        self._reader = self._message = None
        application = self._application
        limit = application.settings.max_receive
        if self.method.prompt and not message.encoding and message.size + PREFIX_BYTES <= application.max_inline:
            self._take(bytes(PREFIX_BYTES) + message.read(limit, self.memory))
            return
        self._received = True
        application.unfinished += 1
        read = partial(message.read, limit, self.memory)
        start = b"" if message.encoding else message.start
        self._submit(UnaryJob(application.api, self.method, self, read), message.size, start, bool(message.encoding))

    def _submit_read(self, job: UnaryJob) -> None:
        """Lets a thread run a short request."""
        data = self._data
        self._submit(job, len(data), data[PREFIX_BYTES:])

    def _submit(self, job: UnaryJob, size: int, start: bytes, compressed: bool = False) -> None:
        """Lets a thread do the job. `size` is that of the message, and `start` its first bytes, if they are known."""
        try:
            self.memory.keep(size + _CALL_BYTES)
        except LightshipError as error:
            job.release()
            self._refuse(self._application.api.refuse(self.method, error, job.model))
            return
        self._data = b""
        result = self._application.submit(self, job, size, start, compressed=compressed)
        if isinstance(result, Answer):
            self._refuse(result)
        else:
            self._future = result
            result.add_done_callback(self._on_result)

    def _on_result(self, future: asyncio.Future[Answer]) -> None:
        if self.finished or future.cancelled():
            return
        error = future.exception()
        self._answer = future.result() if error is None else refusal(_explained(error))
        if self.deliver():
            self.stream.output.flush_soon()

    def _respond(self, answer: Answer) -> bool:
        """Sends an answer that is not one of the usual ones. Returns False if it is compressed first, on a thread."""
        if answer.code is not Code.OK:
            self._send_status(answer)
            return True
        settings, body = self._application.settings, answer.body
        if settings.max_send is not None and len(body) > settings.max_send:
            text = f"Sent message larger than max ({len(body)} vs. {settings.max_send})"
            self._send_status(Answer(b"", Code.RESOURCE_EXHAUSTED, text))
            return True
        encoding = settings.compression if settings.compression in self._head.accepts else ""
        if encoding and len(body) <= MAX_INLINE_BYTES:
            self._send(prefixed(deflate(body, encoding), compressed=True), encoding)
        elif encoding and self._compress(body, encoding):
            return False
        else:
            self._send_plain(body)
        return True

    def _compress(self, body: bytes, encoding: str) -> bool:
        """Lets a thread compress an answer. Returns False if there is too much work, or too little memory."""
        try:
            self.memory.keep(2 * len(body))
        except LightshipError:
            return False
        result = self._application.compress(self, Compression(body, encoding, self.memory))
        if result is None:
            return False
        self._answer, self._future = None, result
        result.add_done_callback(partial(self._on_compressed, body, encoding))
        return True

    def _on_compressed(self, body: bytes, encoding: str, future: asyncio.Future[bytes | None]) -> None:
        if self.finished or future.cancelled():
            return
        message = None if future.exception() is not None else future.result()
        if message is None:
            self._send_plain(body)
        else:
            self._send(message, encoding)
        self.stream.output.flush_soon()
        self._finish()

    def _send_plain(self, body: bytes) -> None:
        if len(body) > MAX_JOINED_BYTES:
            self.stream.send(HEAD, b"\0" + len(body).to_bytes(4, "big"), body)
            self.stream.finish(self._ok)
        else:
            self._send(prefixed(body))

    def _send(self, message: bytes, encoding: str = "") -> None:
        """Sends a message with its prefix, and ends the stream."""
        self.stream.send(compressed_head(encoding) if encoding else HEAD, message)
        self.stream.finish(self._ok)

    def _send_status(self, answer: Answer) -> None:
        """Ends the stream with a status that is not OK."""
        refuse(self.stream, answer)

    def _refuse(self, answer: Answer) -> None:
        """Ends the call with a status."""
        if not self.finished:
            self._send_status(answer)
            self.stream.output.flush_soon()
            self._finish()

    def _finish(self) -> None:
        if self.finished:
            return
        self.finished = True
        if self._received:
            self._application.unfinished -= 1
            if self.queued:
                self._application.queued -= 1
        self._data, self._answer = b"", None
        if self._reader is not None or self._future is not None:
            self._reader = self._message = None
            if self._future is not None:
                self._future.cancel()
        release_when_sent(self.stream, self.memory)
        if self._hooks is not None:
            for hook in self._hooks:
                hook()


def _explained(error: BaseException) -> LightshipError:
    return error if isinstance(error, LightshipError) else Cancelled("the call was given up")
