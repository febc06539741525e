"""A call of a server with an access log. A server without one pays nothing for it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from lightship.errors import Code
from lightship.transports.access_log.record import AccessRecord
from lightship.transports.grpc.api import UnaryJob
from lightship.transports.grpc.call import Answer
from lightship.transports.grpc.call_log import ID, GrpcRecord, id_header
from lightship.transports.grpc.message_reader import PREFIX_BYTES
from lightship.transports.grpc.methods import Method
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.responses import OK, refuse
from lightship.transports.grpc.unary import UnaryCall
from lightship.transports.http2.headers import encode_headers
from lightship.transports.http2.stream import Block, Stream

if TYPE_CHECKING:
    from lightship.transports.grpc.application import GrpcApplication


class LoggedUnaryCall(UnaryCall):
    """Notes when a call passes its stages, returns its id, and hands its record to the log when it has ended.

    The methods of `UnaryCall` are called by its name, which is faster than `super()`.
    """

    record: AccessRecord
    _delivering = 0.0  # when `deliver` began, while it runs

    def __init__(self, application: GrpcApplication, stream: Stream, method: Method, head: GrpcHead) -> None:
        UnaryCall.__init__(self, application, stream, method, head)
        assert application.access_log is not None
        self.record = record = GrpcRecord()
        record.begun = stream.connection.lifetime.heard_at
        record.id = head.id or application.access_log.ids.make()
        self._ok = _ok_with(record.id)

    def on_closed(self) -> None:
        if not self.finished:
            self.record.status = Code.CANCELLED
        UnaryCall.on_closed(self)

    def answer(self) -> None:
        begun = monotonic()
        UnaryCall.answer(self)
        self.record.decode = monotonic() - begun

    def deliver(self) -> bool:
        self._delivering = monotonic()
        read = self._read
        if read is not None:
            record = self.record
            record.model, record.version = read.model, read.version
            record.run = self._application.turn.seconds  # if it ran in this turn
        delivered = UnaryCall.deliver(self)
        self._delivering = 0.0
        return delivered

    def _take(self, data: bytes) -> None:
        record = self.record
        record.received, record.bytes_in = self.stream.connection.lifetime.heard_at, len(data)
        UnaryCall._take(self, data)

    def _collect(self, data: bytes) -> None:
        self.record.bytes_in += len(data)
        UnaryCall._collect(self, data)

    def _receive(self) -> None:
        self.record.received = self.stream.connection.lifetime.heard_at
        UnaryCall._receive(self)

    def _submit(self, job: UnaryJob, size: int, start: bytes, compressed: bool = False) -> None:
        self.record.run = 0.0
        UnaryCall._submit(self, job, size, start, compressed)

    def _send_plain(self, body: bytes) -> None:
        self.record.bytes_out = PREFIX_BYTES + len(body)
        UnaryCall._send_plain(self, body)

    def _send(self, message: bytes, encoding: str = "") -> None:
        self.record.bytes_out = len(message)
        UnaryCall._send(self, message, encoding)

    def _send_status(self, answer: Answer) -> None:
        self.record.status = answer.code
        refuse(self.stream, answer, further=id_header(self.record))

    def _finish(self) -> None:
        if self.finished:
            return
        record, answer, stream = self.record, self._answer, self.stream
        UnaryCall._finish(self)
        if answer is not None and not record.bytes_out and not record.status:
            record.bytes_out = PREFIX_BYTES + len(answer.body)
        record.client, record.path = stream.connection.client, self.method.name
        record.ended = now = monotonic()
        record.received = record.received or now
        if self._delivering:
            record.encode = now - self._delivering
        assert self._application.access_log is not None
        self._application.access_log.add(record)


def _block(data: bytes) -> Block:
    return Block(OK.data + encode_headers([(ID, data)]))


_MADE = _block(b"0" * 32)  # the trailers of a call whose id was made here; all these ids have the same length
_MADE_START = _MADE.data[:-32]


def _ok_with(number: str) -> Block:
    """Returns the trailers of an answer. Those with a made id are not encoded each time, since only the id differs."""
    if len(number) != 32:
        return _block(number.encode())
    block = Block.__new__(Block)
    block.data, block.start, block.last = _MADE_START + number.encode(), _MADE.start, _MADE.last
    return block
