"""One gRPC call and its answer, with retries and a deadline, but without a socket."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from lightship.client.steps import Deadline, Outcome, Steps, repeated
from lightship.errors import Code, DeadlineExceeded, LightshipError, Unavailable, error_of

# gRPC's core reports every failure of a connection with the code UNAVAILABLE, which a server that drains answers too.
# grpcio hands on the code and a text only, so the text has to say which it was. These are the core's texts.
# There was no connection, so the call cannot have run. The text begins with one of:
_NEVER_SENT = ("failed to connect", "errors resolving", "DNS resolution failed")
# The connection broke during the call.
_BROKEN = ("Socket closed", "Stream removed", "Connection reset", "recvmsg", "sendmsg", "GOAWAY", "keepalive watchdog")
# The server closed the connection before HTTP/2 began, as one does that expects TLS.
_CLOSED_AT_ONCE = ("Socket closed", "reset")
# BoringSSL's name for an answer that is not TLS.
_NOT_TLS = "WRONG_VERSION_NUMBER"
# The server speaks HTTP/1.
_NOT_GRPC = ("Failed parsing HTTP/2", "http1.x server")


@dataclass(frozen=True, slots=True)
class Call:
    """`method`: the full name, `/tensorflow.serving.PredictionService/Predict`. `repeatable`: it only reads."""

    method: str
    body: bytes
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A status other than OK."""

    code: Code
    text: str


def exchange(url: str, call: Call, deadline: Deadline, retries: int) -> Steps[bytes]:
    """The bytes of the answer.

    Sent again, at most `retries` times: what never reached the server, and a call that only reads and found it
    unavailable. Raises the error that the status means.
    """
    outcome = yield from repeated(call, deadline, retries, partial(_pause_before_repeating, call))
    if isinstance(outcome, bytes):
        return outcome
    raise _as_our_error(outcome, url, deadline)


def _pause_before_repeating(call: Call, outcome: Outcome, backoff: float) -> float | None:
    if not isinstance(outcome, Failure) or outcome.code is not Code.UNAVAILABLE:
        return None
    return backoff if call.repeatable or outcome.text.startswith(_NEVER_SENT) else None


def _as_our_error(failure: Failure, url: str, deadline: Deadline) -> LightshipError:
    text = failure.text
    if failure.code is Code.DEADLINE_EXCEEDED and not deadline.allows(0):
        return DeadlineExceeded(f"{url} gave no answer within {deadline.seconds:g} s; allow more with timeout=")
    if failure.code is not Code.UNAVAILABLE:
        return error_of(failure.code, text)
    if text.startswith(_NEVER_SENT):
        return Unavailable(f"no connection to {url}: {text}; {_advice(url, text)}")
    if any(sign in text for sign in _BROKEN):
        return Unavailable(f"the connection to {url} broke before the answer was complete: {text}")
    return Unavailable(text)


def _advice(url: str, text: str) -> str:
    if any(sign in text for sign in _NOT_GRPC):
        return "what answers there does not speak gRPC: is it the REST port? gRPC is on another, 8500 by default"
    if _NOT_TLS in text:
        return "what answers there does not speak TLS: write grpc:// if it is the port of gRPC"
    if url.startswith("grpcs:"):
        return "is the server running on this host and port, with TLS, and a certificate that tls= can verify?"
    if any(sign in text for sign in _CLOSED_AT_ONCE):
        return "it closes the connection: if it asks for TLS, write grpcs://"
    return "is the server running, and is it on this host and port? `lightship serve MODEL_FOLDER` starts one"
