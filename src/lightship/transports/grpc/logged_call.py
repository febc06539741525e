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
from lightship.transports.grpc.request_templates import Template
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
        log, connection = application.access_log, stream.connection
        assert log is not None
        self.record = record = GrpcRecord()
        record.begun, record.client, record.path = connection.lifetime.heard_at, connection.client, method.name
        if head.id:
            record.id = head.id
            self._ok = _block(head.id.encode())
            return
        record.id = made = log.ids.make()
        self._ok = block = _new_block(Block)  # `_block` of a made id, which need not be encoded anew each time
        block.data, block.last = _MADE_START + made.encode(), _MADE_LAST

    def on_closed(self) -> None:
        if not self.finished:
            self.record.status = Code.CANCELLED
        UnaryCall.on_closed(self)

    def answer(self, template: Template | None = None) -> None:
        begun = monotonic()
        UnaryCall.answer(self, template)
        self.record.decode += monotonic() - begun

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
        record, answer = self.record, self._answer
        UnaryCall._finish(self)
        if answer is not None and not record.bytes_out and not record.status:
            record.bytes_out = PREFIX_BYTES + len(answer.body)
        record.ended = now = monotonic()
        record.received = record.received or now
        if self._delivering:
            record.encode += now - self._delivering
        assert self._application.access_log is not None
        self._application.access_log.add(record)


def _block(data: bytes) -> Block:
    return Block(OK.data + encode_headers([(ID, data)]))


_new_block = Block.__new__
_MADE = _block(b"0" * 32)  # the trailers of a call whose id was made here; all these ids have the same length
_MADE_START, _MADE_LAST = _MADE.data[:-32], _MADE.last
