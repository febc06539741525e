"""One gRPC request and its response, with retries and a deadline, but without a socket."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import ceil

from lightship.client.flow import Deadline, Flow, Outcome, send_with_retries
from lightship.client.hints import with_hint
from lightship.client.proxies import proxy_advice
from lightship.errors import Code, DeadlineExceeded, LightshipError, Unavailable, error_of

# gRPC's core reports every failure of a connection with the code UNAVAILABLE, which a draining server sends too. grpcio
# gives the client that code and a text, so only the text says what happened. These are the core's messages.
# There was no connection, so the server cannot have run the request. The text begins with one of:
_NEVER_SENT = ("failed to connect", "errors resolving", "DNS resolution failed")
# The connection broke while the request was running.
_BROKEN = ("Socket closed", "Stream removed", "Connection reset", "recvmsg", "sendmsg", "GOAWAY", "keepalive watchdog")
# The server closed the connection before HTTP/2 began. A server that expects TLS does so.
_CLOSED_AT_ONCE = ("Socket closed", "reset")
# BoringSSL's name for a response that is not TLS.
_NOT_TLS = "WRONG_VERSION_NUMBER"
# The server speaks HTTP/1.
_NOT_GRPC = ("Failed parsing HTTP/2", "http1.x server")


@dataclass(frozen=True, slots=True)
class GrpcRequest:
    method: str
    """The full name, such as `/tensorflow.serving.PredictionService/Predict`."""

    body: bytes
    """The serialized message."""

    repeatable: bool = False
    """Whether the server may get it twice, because it only reads."""


@dataclass(frozen=True, slots=True)
class GrpcFailure:
    """A status other than OK, from the server or from gRPC's core."""

    code: Code
    text: str
    hint: str = ""

    pushback: float | None = None
    """Seconds after which the server allows the request to be sent again, because it did not begin with it."""


def exchange(url: str, request: GrpcRequest, deadline: Deadline, retries: int) -> Flow[bytes]:
    """Returns the serialized message of the response.

    A request is sent again, at most `retries` times, if it never reached the server, if the server refused it and
    allows that, or if it only reads and the server was unavailable. Raises the error that belongs to the status.
    """
    outcome = yield from send_with_retries(request, deadline, retries, partial(_pause_before_retry, request), _is_busy)
    if isinstance(outcome, bytes):
        return outcome
    raise _as_our_error(outcome, url, deadline)


def _pause_before_retry(request: GrpcRequest, outcome: Outcome, default: float) -> float | None:
    if not isinstance(outcome, GrpcFailure):
        return None
    if outcome.pushback is not None:
        return max(default, outcome.pushback)
    if outcome.code is not Code.UNAVAILABLE:
        return None
    return default if request.repeatable or outcome.text.startswith(_NEVER_SENT) else None


def _is_busy(outcome: Outcome) -> bool:
    return isinstance(outcome, GrpcFailure) and outcome.pushback is not None


def _as_our_error(failure: GrpcFailure, url: str, deadline: Deadline) -> LightshipError:
    text = failure.text
    if failure.code is Code.DEADLINE_EXCEEDED and not deadline.allows(0):
        return DeadlineExceeded(f"{url} gave no answer within {deadline.seconds:g} s; allow more with timeout=")
    if failure.code is not Code.UNAVAILABLE:
        return error_of(failure.code, with_hint(text, failure.hint))
    if text.startswith(_NEVER_SENT):
        return Unavailable(f"no connection to {url}: {text}; {_advice(url, text)}")
    if _has_any(text, _BROKEN):
        return Unavailable(f"the connection to {url} broke before the answer was complete: {text}")
    return Unavailable(text, max(1, ceil(failure.pushback or 0)))


def _advice(url: str, text: str) -> str:
    if _has_any(text, _NOT_GRPC):
        return "the server there does not speak gRPC: give the gRPC port, 8500 by default, not the REST port"
    if _NOT_TLS in text:
        return "the server there does not speak TLS: write grpc:// if this is its gRPC port"
    through_proxy = proxy_advice(url)
    if through_proxy is not None:
        return through_proxy
    if url.startswith("grpcs:"):
        return "check that the server runs on this host and port, with TLS and a certificate that tls= can verify"
    if _has_any(text, _CLOSED_AT_ONCE):
        return "the server closed the connection: if it requires TLS, write grpcs://"
    return "check that the server runs on this host and port; `lightship serve MODEL_FOLDER` starts one"


def _has_any(text: str, parts: tuple[str, ...]) -> bool:
    return any(part in text for part in parts)
