"""What the access log tells of one request, and the stages in which its time is divided."""

from __future__ import annotations

from typing import Protocol

from lightship.errors import Code

# The stages of a request, in the order in which `AccessRecord.microseconds` returns them. Their sum is the whole time.
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

    Times are those of `time.monotonic`, in seconds. The initial values are the class's, because every request makes one
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
    id = ""
    # The headers `x-request-id` and `traceparent`, as they came.
    given_id: bytes | None = None
    given_trace: bytes | None = None

    def ran(self, seconds: float, encode: float) -> None:
        """Notes the seconds of the runs of its turn, and those that writing its answer has taken until now."""
        self.run = seconds
        self.encode += encode

    def microseconds(self) -> tuple[int, int, int, int, int, int]:
        """Returns the whole time, and that of each of the `STAGES`."""
        begun, received, threads = self.begun, self.received, self.threads
        total = int((self.ended - begun) * 1e6)
        receive = 0 if received == begun else int((received - begun) * 1e6)
        decode, run, encode = int(self.decode * 1e6), int(self.run * 1e6), int(self.encode * 1e6)
        if threads is not None:
            decode += int(threads.decode * 1e6)
            run += int(threads.run_seconds * 1e6)
            encode += int(threads.encode * 1e6)
        wait = total - receive - decode - run - encode
        return total, receive, wait if wait > 0 else 0, decode, run, encode
