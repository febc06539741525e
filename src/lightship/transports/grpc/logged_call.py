"""A call of a server with an access log. A server without one pays nothing for it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from lightship.errors import Code
from lightship.memory_budget import Reservation
from lightship.transports.access_log.record import AccessRecord
from lightship.transports.access_log.request_ids import MADE_BYTES
from lightship.transports.grpc.api import ReadPredict, UnaryJob
from lightship.transports.grpc.call import Answer
from lightship.transports.grpc.call_log import MADE_LAST, GrpcRecord, id_header, made_trailers, new_block, trailers_with
from lightship.transports.grpc.message_reader import PREFIX_BYTES
from lightship.transports.grpc.methods import Method
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.request_templates import Template
from lightship.transports.grpc.responses import HEAD, prefixed, refuse
from lightship.transports.grpc.unary import UnaryCall
from lightship.transports.http2.stream import Block, Stream

if TYPE_CHECKING:
    from lightship.transports.grpc.application import GrpcApplication


class LoggedUnaryCall(UnaryCall):
    """Notes when a call passes its stages, returns its id, and hands its record to the log when it has ended.

    A short call that is answered together with others is noted with them. Any other has a record of its own, which is
    made when it is first needed. The methods of `UnaryCall` are called by its name, which is faster than `super()`.
    """

    _record: AccessRecord | None = None
    _id = b""  # its id, if it was made before a record
    _decode = _run = 0.0  # seconds, without those in the record
    _read_as: ReadPredict | None = None  # what was run in this turn
    _delivering = 0.0  # when `deliver` began, while it runs

    def __init__(self, application: GrpcApplication, stream: Stream, method: Method, head: GrpcHead) -> None:
        # As in `UnaryCall`, without a further call.
        self._application, self.stream, self.method, self._head = application, stream, method, head
        self.memory = Reservation(application.budget)
        if head.timeout is not None:
            self.deadline = monotonic() + head.timeout
        self._begun_at = stream.connection.lifetime.heard_at

    @property
    def record(self) -> AccessRecord:
        record = self._record
        if record is None:
            record = self._record = GrpcRecord()
            record.begun, record.received, record.bytes_in = self._begun_at, self.received_at, len(self._data)
            record.client, record.path = self.stream.connection.client, self.method.name
            record.decode, record.run = self._decode, self._run
            if self._read_as is not None:
                record.model, record.version = self._read_as.model, self._read_as.version
            if not self._id:
                self._make_id()
            record.id = self._id
        return record

    def _make_id(self) -> None:
        """Makes the call's id, unless the client has given one, and the trailers of the answer with it."""
        given = self._head.id
        if given:
            self._id, self._ok = given, trailers_with(given)
        else:
            data = self._application.call_log.new_trailers()
            self._id, self._ok = data[-MADE_BYTES:], made_trailers(data)

    def on_closed(self) -> None:
        if not self.finished:
            self.record.status = Code.CANCELLED
        UnaryCall.on_closed(self)

    def answer(self, template: Template | None = None) -> None:
        begun = monotonic()
        UnaryCall.answer(self, template)
        seconds, record = monotonic() - begun, self._record
        if record is None:
            self._decode += seconds
        else:
            record.decode += seconds

    def deliver(self) -> bool:
        joined, answer = self.joined, self._answer
        if joined is not None:
            if answer is None or self.finished:
                return False
            body, stream, application = answer.body, self.stream, self._application
            size = len(body)
            if self._record is None and not self._head.id and size <= application.max_plain:
                assert application.access_log is not None
                client = application.access_log.clients[stream.connection.client]
                bytes_in, bytes_out = len(self._data), PREFIX_BYTES + size
                trailers = new_block(Block)
                trailers.data = joined.members.add(client, self._begun_at, self.received_at, bytes_in, bytes_out)
                trailers.last = MADE_LAST
                stream.respond(HEAD, prefixed(body), trailers)
                UnaryCall._finish(self)
                return True
            self.record.add(joined.stages_until(monotonic()))
            self.record.model, self.record.version = joined.model, joined.version
        self._delivering = monotonic()
        read = self._read
        if read is not None:
            self._read_as, self._run = read, self._application.turn.seconds  # if it ran in this turn
            if self._record is not None:
                self._record.run, self._record.model, self._record.version = self._run, read.model, read.version
            elif not self._id:
                self._make_id()
        delivered = UnaryCall.deliver(self)
        self._delivering = 0.0
        return delivered

    def _collect(self, data: bytes) -> None:
        self.record.bytes_in += len(data)
        UnaryCall._collect(self, data)

    def _receive(self) -> None:
        self.record.received = self.stream.connection.lifetime.heard_at
        UnaryCall._receive(self)

    def _submit(self, job: UnaryJob, size: int, start: bytes, compressed: bool = False) -> None:
        self.record.run = self._run = 0.0
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
        answer = self._answer
        if self._record is None and self._read_as is not None and answer is not None:
            self._finish_answered(self._read_as, answer)
            return
        record = self.record
        UnaryCall._finish(self)
        if answer is not None and not record.bytes_out and not record.status:
            record.bytes_out = PREFIX_BYTES + len(answer.body)
        record.ended = now = monotonic()
        record.received = record.received or now
        if self._delivering:
            record.encode += now - self._delivering
        assert self._application.access_log is not None
        self._application.access_log.add(record)

    def _finish_answered(self, read: ReadPredict, answer: Answer) -> None:
        """Ends a call that was answered in this turn, and logs it without a record."""
        log = self._application.access_log
        assert log is not None
        client, size = log.clients[self.stream.connection.client], PREFIX_BYTES + len(answer.body)
        own = (client, self._begun_at, self.received_at, len(self._data), size, self._id)
        UnaryCall._finish(self)
        what = ("gRPC", self.method.name, read.model, read.version, Code.OK)
        ended = monotonic()
        log.add_entry((what, ended, self._decode, self._run, ended - self._delivering, own))
