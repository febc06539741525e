"""Answers as gRPC writes them on a stream: headers, prefixed messages, and trailers with the status."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from lightship.errors import Code
from lightship.memory_budget import Reservation
from lightship.transports.grpc.call import Answer
from lightship.transports.grpc.request_head import ENCODINGS
from lightship.transports.http2.headers import Header, encode_headers
from lightship.transports.http2.stream import Block, Stream

_STATUS_200 = b"\x88"  # `:status: 200` is in HPACK's static table
_CONTENT_TYPE = b"\x0f\x10\x10application/grpc"  # so is the name `content-type`
_escape = re.compile(rb"[^ -$&-~]")  # all but the printable characters of ASCII, without %

HEAD = Block(_STATUS_200 + _CONTENT_TYPE)
OK = Block(encode_headers([(b"grpc-status", b"0")]))


@lru_cache(maxsize=4)
def compressed_head(encoding: str) -> Block:
    """Returns the headers of an answer whose message is compressed."""
    return Block(HEAD.data + encode_headers([(b"grpc-encoding", encoding.encode())]))


def percent_encode(text: str) -> bytes:
    """Returns a text as the trailer `grpc-message` holds it."""
    return _escape.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8", "replace"))


def prefixed(body: bytes, *, compressed: bool = False) -> bytes:
    """Returns a message with its prefix."""
    return (b"\1" if compressed else b"\0") + len(body).to_bytes(4, "big") + body


def trailers_of(answer: Answer) -> list[Header]:
    trailers: list[Header] = [(b"grpc-status", b"%d" % answer.code)]
    if answer.message:
        trailers.append((b"grpc-message", percent_encode(answer.message)))
    if answer.pushback is not None:
        trailers.append((b"grpc-retry-pushback-ms", b"%d" % answer.pushback))
    if answer.hint:
        trailers.append((b"lightship-hint", answer.hint.encode()))
    if answer.code is Code.UNIMPLEMENTED:
        trailers.append((b"grpc-accept-encoding", ",".join(ENCODINGS).encode()))
    return trailers


def refuse(stream: Stream, answer: Answer, *, begun: bool = False, further: Sequence[Header] = ()) -> None:
    """Ends a stream with a status. `begun`: its headers were sent already. `further`: is sent with the status."""
    block = encode_headers([*trailers_of(answer), *further])
    stream.finish(Block(block if begun else HEAD.data + block))


def release_when_sent(stream: Stream, memory: Reservation) -> None:
    """Gives the memory of a call that has ended back, or that of its answer as soon as the client has taken it."""
    if stream.closed or not stream.pending:
        memory.release()
    else:
        memory.hold(stream.pending_bytes)
        stream.memory = memory


def stalled(*, crowded: bool) -> Answer:
    """Returns the answer to a call whose message does not come. `crowded`: others need the memory that it holds."""
    if not crowded:
        text = "no more of the request came within the timeout: send it faster"
        return Answer(b"", Code.DEADLINE_EXCEEDED, text)
    text = "hardly any more of the message came within a second, and other requests need its memory; try again soon"
    return Answer(b"", Code.RESOURCE_EXHAUSTED, text, 1000)


def refuse_http(stream: Stream, status: int, further: Sequence[Header] = ()) -> None:
    """Ends a stream whose request is not gRPC's."""
    headers: list[Header] = [(b":status", b"%d" % status), *further]
    if status == 405:
        headers.append((b"allow", b"POST"))
    stream.finish(Block(encode_headers(headers)))
