"""What the access log tells of a request, and the stages in which its time is divided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lightship.errors import Code
from lightship.transports.access_log.writing import Members, new_members

# The stages of a request, in the order of a line. Their sum is the whole time.
# receive: from the first bytes of the request to its last one.
# wait: for the event loop, a thread, the engine, and for the requests that are answered together with this one.
# decode: everything before the first run of the model: headers, body, checks, images.
# run: the runs of the model. Requests that are joined share a run, and each of them counts all of it.
# encode: everything after the last run.
STAGES = ("receive", "wait", "decode", "run", "encode")

CLIENT_GONE = 499  # the status of an HTTP request that ended without a response


class Stages(Protocol):
    """The seconds that a request has spent on threads."""

    decode: float
    run_seconds: float
    encode: float


class AccessRecord:
    """One request. The transports fill it in while they answer, and hand it to `AccessLog.add` when it has ended.

    Times are those of `time.monotonic`, in seconds. The initial values are the class's, because many requests make one
    of these.
    """

    # When its first bytes came, when all of it had come, and when its response was handed to the connection.
    begun = received = ended = 0.0
    # The seconds on the event loop.
    decode = run = encode = 0.0
    # What threads have done for it, if any has.
    threads: Stages | None = None
    client = ""
    # The HTTP method, or "gRPC".
    method = ""
    # The path with its query, or the full name of the RPC.
    path = ""
    # The name of the model in the request, and the version that answered.
    model = ""
    version: int | None = None
    # The HTTP status, or gRPC's code.
    status: int | Code = 0
    # The bytes of the bodies.
    bytes_in = bytes_out = 0
    # The request's id: given by the client, or made.
    id = b""
    # The headers `x-request-id` and `traceparent`, as they came.
    given_id: bytes | None = None
    given_trace: bytes | None = None

    def ran(self, seconds: float, encode: float) -> None:
        """Notes the seconds of the runs of its turn, and those that writing its answer has taken until now."""
        self.run = seconds
        self.encode += encode

    def add(self, stages: tuple[float, float, float]) -> None:
        """Adds seconds of decoding, running and encoding on the event loop."""
        decode, run, encode = stages
        self.decode += decode
        self.run += run
        self.encode += encode

    def stages(self) -> tuple[float, float, float]:
        """Returns the seconds of decoding, running and encoding, on the event loop and on threads."""
        threads = self.threads
        if threads is None:
            return self.decode, self.run, self.encode
        return self.decode + threads.decode, self.run + threads.run_seconds, self.encode + threads.encode


# Returns the record of a request, which is made at the first call.
Recorder = Callable[[], AccessRecord]


class JoinedRecord:
    """Requests that are read, run and answered as one. They have everything in common but what is in `members`.

    No object is made for a single one of them, because noting it must take next to no time.
    """

    __slots__ = ("decode", "ended", "members", "method", "model", "path", "run", "status", "version", "writing_since")

    def __init__(
        self,
        method: str,
        path: str,
        status: int | Code,
        model: str,
        version: int | None,
        decode: float,
        run: float,
        writing_since: float,
        sent_id: tuple[bytes, bytes],
    ) -> None:
        """decode, run: seconds. writing_since: when the work after the run began. sent_id: what stands around an id."""
        self.method, self.path, self.status, self.model, self.version = method, path, status, model, version
        self.decode, self.run, self.writing_since = decode, run, writing_since
        self.ended = writing_since
        self.members: Members = new_members(*sent_id)

    def stages_until(self, moment: float) -> tuple[float, float, float]:
        """Returns the seconds of decoding, running and encoding, if they end at a moment."""
        return self.decode, self.run, moment - self.writing_since
