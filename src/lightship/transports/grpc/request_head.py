"""What gRPC reads from a request's headers: the method, the timeout and the compression."""

from __future__ import annotations

import re

from lightship.errors import Code
from lightship.transports.access_log.request_ids import read_id
from lightship.transports.grpc.call import Answer
from lightship.transports.http2.headers import RequestHead

# Seconds of each unit of `grpc-timeout`.
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_timeout = re.compile(rb"([0-9]{1,8})([HMSmun])").fullmatch
_MAX_NAME = 20  # bytes of a compression's name that are kept
_CONTENT_TYPE = b"application/grpc"
ENCODINGS = ("identity", "deflate", "gzip")


class GrpcHead:
    """The headers of a gRPC request.

    `timeout` is in seconds; None means none. `encoding` is the compression of compressed messages. `accepts` are the
    compressions that both the client and the server read. `refusal` is the answer to headers that are wrong, or None.
    `status` is the HTTP status of an answer to a request that is not gRPC's, or 0.
    `id` is the valid request id among the headers, or "".
    """

    __slots__ = ("accepts", "encoding", "id", "method", "refusal", "status", "timeout")

    def __init__(self, head: RequestHead, max_size: int) -> None:
        """`max_size` is the most bytes of the headers."""
        headers = dict(head.headers)
        self.method = head.path.decode("latin-1")
        self.id = read_id(headers.get(b"x-request-id"), headers.get(b"traceparent"))
        self.encoding = headers.get(b"grpc-encoding", b"identity")[:_MAX_NAME].decode("latin-1")
        accepts = headers.get(b"grpc-accept-encoding", b"").decode("latin-1").split(",")
        self.accepts = frozenset(ENCODINGS).intersection(name.strip() for name in accepts)
        self.timeout: float | None = None
        self.refusal: Answer | None = None
        self.status = _http_status(head.method, headers.get(b"content-type", b""))
        if head.size > max_size:
            text = f"the headers have {head.size} bytes; at most {max_size} are allowed: send less metadata"
            self.refusal = Answer(b"", Code.RESOURCE_EXHAUSTED, text)
        timeout = headers.get(b"grpc-timeout")
        if timeout is not None and self.refusal is None:
            self._read_timeout(timeout)

    def _read_timeout(self, text: bytes) -> None:
        read = _timeout(text.strip())
        if read is None:
            shown = text[:20].decode("latin-1")
            self.refusal = Answer(
                b"", Code.INTERNAL, f"grpc-timeout is {shown}: send 1 to 8 digits and H, M, S, m, u or n"
            )
        else:
            self.timeout = int(read[1]) * _UNITS[read[2]]


def _http_status(method: bytes, content_type: bytes) -> int:
    if method != b"POST":
        return 405
    plain = content_type.partition(b";")[0].strip().lower()
    return 0 if plain == _CONTENT_TYPE or plain.startswith(_CONTENT_TYPE + b"+") else 415
