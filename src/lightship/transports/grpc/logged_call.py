"""A call of a server with an access log. A server without one pays nothing for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from lightship.errors import Code
from lightship.memory_budget import Reservation
from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.access_log.record import AccessRecord, JoinedRecord
from lightship.transports.access_log.request_ids import MADE_BYTES
from lightship.transports.grpc.api import ReadPredict, UnaryJob
from lightship.transports.grpc.call import Answer
from lightship.transports.grpc.call_log import MADE_TRAILERS, GrpcRecord, id_header, made_trailers, trailers_with
from lightship.transports.grpc.message_reader import PREFIX_BYTES
from lightship.transports.grpc.methods import Method
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.request_templates import Template
from lightship.transports.grpc.responses import HEAD, prefixed, refuse
from lightship.transports.grpc.unary import UnaryCall
from lightship.transports.http2.output import Output
from lightship.transports.http2.stream import Block, Stream

if TYPE_CHECKING:
    from lightship.transports.grpc.application import GrpcApplication


OK = Code.OK  # looking it up in the enumeration is a call of a function
MADE_ID = (MADE_TRAILERS, b"")  # what stands around an id that was made, in an answer


class LoggedUnaryCall(UnaryCall):
    """Notes when a call passes its stages, returns its id, and hands its record to the log when it has ended.

    A short call that is answered in the turn of the event loop in which it is read needs no record. Any other has one,
    which is made when it is first needed. The methods of `UnaryCall` are called by its name, which is faster than
    `super()`.
    """

    _record: AccessRecord | None
    joined: JoinedRecord | None = None  # what it has in common with those that were answered as one with it
    _decode = 0.0  # seconds, without those in the record
    _delivering = 0.0  # when the delivery of an answer with a record began, while it goes on

    def __init__(self, application: GrpcApplication, stream: Stream, method: Method, head: GrpcHead) -> None:
        # As in `UnaryCall`, without a further call.
        self._application, self.stream, self.method, self._head = application, stream, method, head
        self.memory = Reservation(application.budget)
        if head.timeout is not None:
            self.deadline = monotonic() + head.timeout
        self._begun_at = stream.connection.lifetime.heard_at
        # Every call reads these, and finds them sooner here than in its class.
        self._record, self.received_at = None, 0.0

    @property
    def record(self) -> AccessRecord:
        return self._record or self._begin_record()

    def _begin_record(self) -> AccessRecord:
        record = self._record = GrpcRecord()
        record.begun, record.bytes_in, record.decode = self._begun_at, len(self._data), self._decode
        if self._received:
            record.received = self._received_when()
        record.client, record.path = self.stream.connection.client, self.method.name
        record.id, self._ok = self._new_id()
        return record

    def _received_when(self) -> float:
        """Returns when the last bytes of the request came. Nothing has come since if it was not noted then."""
        return self.received_at or self.stream.connection.lifetime.heard_at

    def _new_id(self) -> tuple[bytes, Block]:
        """Returns the id that the client has given, or a new one, and the trailers of an answer with it."""
        given = self._head.id
        if given:
            return given, trailers_with(given)
        data = self._application.call_log.new_trailers()
        return data[-MADE_BYTES:], made_trailers(data)

    def on_closed(self) -> None:
        if not self.finished:
            self.record.status = Code.DEADLINE_EXCEEDED if self._at_deadline else Code.CANCELLED
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
        read = self._read
        if read is None:
            return self._deliver_recorded(monotonic())
        begun, application = monotonic(), self._application
        self._read, done = None, read.finish()
        if (
            self._record is not None
            or isinstance(done, UnaryJob)
            or done.code
            or len(done.body) > application.max_plain
            or self.finished
        ):
            return self._deliver_with_record(read, done, begun)
        log, stream, size = application.access_log, self.stream, PREFIX_BYTES + len(done.body)
        assert log is not None
        given, trailers = self._new_id()
        stream.respond(HEAD, prefixed(done.body), trailers)
        client = log.clients[stream.connection.client]
        own = (client, self._begun_at, self._received_when(), len(self._data), size, given)
        UnaryCall._finish(self)
        what, ended = ("gRPC", self.method.name, read.model, read.version, OK), monotonic()
        log.add_entry((what, ended, self._decode, application.turn.seconds, ended - begun, own))
        return True

    def _deliver_with_record(self, read: ReadPredict, done: Answer | UnaryJob, begun: float) -> bool:
        """Answers a request that needs a record, or lets a thread run it. begun: when this began."""
        record = self.record
        record.model, record.version = read.model, read.version
        if isinstance(done, UnaryJob):
            self._submit_read(done)
            return False
        self._answer, record.run = done, self._application.turn.seconds
        return self._deliver_recorded(begun)

    def _deliver_recorded(self, begun: float) -> bool:
        """Delivers the answer, if there is one, of a call with a record. begun: when this began."""
        joined = self.joined
        if joined is not None and not self.finished:
            record = self.record
            record.add(joined.stages_until(begun))
            record.model, record.version = joined.model, joined.version
        self._delivering = begun
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
        if self._record is None:
            self._begin_record()  # while the data is there
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
        answer, record = self._answer, self.record
        UnaryCall._finish(self)
        if answer is not None and not record.bytes_out and not record.status:
            record.bytes_out = PREFIX_BYTES + len(answer.body)
        record.ended = now = monotonic()
        record.received = record.received or now
        if self._delivering:
            record.encode += now - self._delivering
        assert self._application.access_log is not None
        self._application.access_log.add(record)


class JoinedAnswers:
    """Sends the answers of calls that were answered as one, and notes them for the access log.

    What is done once for each group counts here, because it finds little in the processor's caches.
    """

    def __init__(self, log: AccessLog, max_plain: int) -> None:
        """max_plain: the most bytes of an answer that is sent as it is and in one piece."""
        self._log, self._max_plain = log, max_plain
        self._trailers = made_trailers(b"")  # of each answer that is written at once, since only the id differs

    def send(
        self,
        joined: JoinedRecord,
        calls: Sequence[LoggedUnaryCall],
        answers: Iterable[Answer],
        outputs: dict[Output, None],
    ) -> None:
        """Sends the answers of calls, which end then, and adds what each has of its own to `joined`.

        A call with a record or an id, or with a long answer, is left to `deliver`. `outputs` gets those that the
        answers were added to.
        """
        log, max_plain, trailers = self._log, self._max_plain, self._trailers
        log.add_joined(joined)
        add, clients = joined.members.add, log.clients
        for call, answer in zip(calls, answers, strict=True):
            stream, body = call.stream, answer.body
            size = len(body)
            if size > max_plain or call._record is not None or call._head.id:
                call.take_answer(answer)
                call.joined = joined
                continue
            client, received, bytes_in = clients[stream.connection.client], call.received_at, len(call._data)
            trailers.data = add(client, call._begun_at, received, bytes_in, PREFIX_BYTES + size)
            if not stream.respond_at_once(HEAD, prefixed(body), trailers):
                stream.respond(HEAD, prefixed(body), made_trailers(trailers.data))
            UnaryCall._finish(call)
            outputs[stream.output] = None
