"""The access log as the handlers of streams use it."""

from __future__ import annotations

from time import monotonic

from lightship.errors import Code
from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.access_log.record import AccessRecord
from lightship.transports.access_log.request_ids import MADE_BYTES
from lightship.transports.access_log.writing import id_maker
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.responses import OK
from lightship.transports.http2.connection import Http2Connection
from lightship.transports.http2.frames import ErrorCode
from lightship.transports.http2.headers import Header, RequestHead, encode_headers
from lightship.transports.http2.stream import Block, Stream

ID = b"x-request-id"


class GrpcRecord(AccessRecord):
    """The record of a call, with the values that most calls have."""

    method = "gRPC"
    status: int = Code.OK


class CallLog:
    """Logs calls. Without an access log, it makes no records and its methods do nothing."""

    def __init__(self, log: AccessLog | None) -> None:
        self._log = log
        # Returns the trailers of a call with a new id.
        self.new_trailers = id_maker(MADE_TRAILERS, b"")
        self._new_id = id_maker(b"", b"")

    def record(self, stream: Stream, head: GrpcHead) -> AccessRecord | None:
        """Returns the record of a call that has begun."""
        if self._log is None:
            return None
        record = GrpcRecord()
        record.begun, record.client = stream.connection.lifetime.heard_at, stream.connection.client
        record.path, record.id = head.method, head.id or self._new_id()
        if head.status:
            record.method = stream.head.method.decode("latin-1")
        return record

    def add(self, record: AccessRecord | None, status: int) -> None:
        """Logs a call that has ended."""
        if record is not None and self._log is not None:
            record.status, record.ended = status, monotonic()
            record.received = record.received or record.ended
            self._log.add(record)

    def add_refused(self, connection: Http2Connection, head: RequestHead, code: ErrorCode) -> None:
        """Logs a call whose stream was reset before it reached a handler."""
        if self._log is None:
            return
        record = GrpcRecord()
        record.begun, record.client = connection.lifetime.heard_at, connection.client
        record.path, record.id = head.path.decode("latin-1"), self._new_id()
        self.add(record, Code.UNAVAILABLE if code is ErrorCode.REFUSED_STREAM else Code.INTERNAL)


def id_header(record: AccessRecord | None) -> list[Header]:
    """Returns the header that tells the client the id of its request; nothing without an access log."""
    return [] if record is None else [(ID, record.id)]


def trailers_with(given: bytes) -> Block:
    """Returns the trailers of an answer to a call with this id."""
    return Block(OK.data + encode_headers([(ID, given)]))


# The trailers of calls whose ids are made have the same length, so only their last bytes differ.
_MADE = trailers_with(b"0" * MADE_BYTES)
MADE_TRAILERS, _MADE_LAST = _MADE.data[:-MADE_BYTES], _MADE.last  # what stands before such an id
_new_block = Block.__new__


def made_trailers(data: bytes) -> Block:
    """Returns trailers of `MADE_TRAILERS` and an id that was made."""
    block = _new_block(Block)
    block.data, block.last = data, _MADE_LAST
    return block
