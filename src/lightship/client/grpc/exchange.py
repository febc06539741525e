"""One gRPC call and its answer, with retries and a deadline, but without a socket."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from lightship.client.steps import Deadline, Outcome, Steps, repeated
from lightship.errors import Code, DeadlineExceeded, LightshipError, Unavailable, error_of

# How gRPC's core begins to say that there was no connection, so that the call cannot have run.
_NEVER_SENT = ("failed to connect", "errors resolving", "DNS resolution failed")
_BROKEN = ("Socket closed", "Stream removed", "Connection reset", "recvmsg", "sendmsg", "GOAWAY", "keepalive watchdog")
_NO_TLS = "WRONG_VERSION_NUMBER"
_NO_GRPC = ("Failed parsing HTTP/2", "http1.x server")


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
    if any(sign in text for sign in _NO_GRPC):
        return "what answers there does not speak gRPC: is it the REST port? gRPC is on another, 8500 by default"
    if _NO_TLS in text:
        return "what answers there does not speak TLS: write grpc:// if it is the port of gRPC"
    if url.startswith("grpcs:"):
        return "is the server running on this host and port, with TLS, and a certificate that tls= can verify?"
    if "Socket closed" in text or "reset" in text:
        return "it closes the connection: if it asks for TLS, write grpcs://"
    return "is the server running, and is it on this host and port? `lightship serve MODEL_FOLDER` starts one"
