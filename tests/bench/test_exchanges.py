"""HTTP/1.1 and gRPC, without sockets: answers in pieces, errors, and the windows of HTTP/2."""

from __future__ import annotations

import struct

import hpack
import pytest

from lightship.bench.answers import AnswerCheck
from lightship.bench.exchange import WRONG_ANSWER, InvalidResponse
from lightship.bench.grpc_exchange import GrpcExchange, HeaderBlocks
from lightship.bench.http_exchange import HttpExchange, KnownResponses

BODY = b'{"predictions": [[0.5]]}'


def response(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def http(expected: bytes = BODY) -> HttpExchange:
    return HttpExchange([b"request"], AnswerCheck([expected]), KnownResponses(1))


def test_a_response_may_come_byte_by_byte_and_again_at_once() -> None:
    exchange = http()
    assert exchange.begin(0) == b"request"
    for byte in response(BODY):
        assert not exchange.done
        exchange.receive(bytes([byte]))
    assert (exchange.done, exchange.error, exchange.body) == (True, "", BODY)
    for _ in range(2):  # the second one is recognised by its bytes
        exchange.begin(0)
        exchange.receive(response(BODY))
        assert (exchange.done, exchange.error, exchange.reusable) == (True, "", True)


def test_chunks_and_a_body_that_ends_with_the_connection_are_read() -> None:
    exchange = http()
    exchange.begin(0)
    exchange.receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n" + BODY[:4] + b"\r\n")
    assert not exchange.done
    exchange.receive(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY) - 4, BODY[4:]))
    assert (exchange.done, exchange.error) == (True, "")
    exchange = http()
    exchange.begin(0)
    exchange.receive(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
    assert not exchange.done
    exchange.end()
    assert (exchange.done, exchange.error, exchange.reusable) == (True, "", False)


@pytest.mark.parametrize(
    "cut",
    [
        response(BODY)[:-4],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(BODY), BODY),
        response(b"")[:-4],
    ],
)
def test_a_response_that_is_cut_is_no_answer(cut: bytes) -> None:
    """As of a worker that is killed while it writes."""
    exchange = http()
    exchange.begin(0)
    exchange.receive(cut)
    exchange.end()
    assert not exchange.done


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (response(b"{}", "503 Service Unavailable"), "HTTP 503"),
        (response(b'{"predictions": [[0.6]]}'), WRONG_ANSWER),
        (response(b'{"predictions": [[0.5, 1.0]]}'), WRONG_ANSWER),
        (response(b"<html>"), WRONG_ANSWER),
        (response(b'{"predictions": [[0.5000001]]}'), ""),
        (response(BODY, more="Connection: close\r\n"), ""),
    ],
)
def test_wrong_answers_are_told_from_right_ones(answer: bytes, error: str) -> None:
    exchange = http()
    exchange.begin(0)
    exchange.receive(answer)
    assert (exchange.done, exchange.error, exchange.reusable) == (True, error, b"Connection: close" not in answer)


def test_bytes_that_are_not_http_are_an_invalid_response() -> None:
    exchange = http()
    exchange.begin(0)
    with pytest.raises(InvalidResponse):
        exchange.receive(b"\0\0\0\4\0\0\0\0\0")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def frames(data: bytes) -> list[tuple[int, int, int, bytes]]:
    found = []
    while data:
        size = int.from_bytes(data[:3], "big")
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + size]))
        data = data[9 + size :]
    return found


def grpc(message: bytes) -> GrpcExchange:
    exchange = GrpcExchange([(":path", "/Predict")], [message], AnswerCheck([]), HeaderBlocks())
    assert exchange.opening().startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert not exchange.ready
    return exchange


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(4, 0, 0, b"".join(struct.pack(">HI", *one) for one in pairs))


def test_a_call_begins_after_the_settings_and_ends_with_its_trailers() -> None:
    exchange = grpc(b"message")
    assert frames(exchange.receive(settings())) == [(4, 1, 0, b"")]
    decoder = hpack.Decoder()
    for stream in (1, 3, 5):
        headers, data = frames(exchange.begin(0))
        assert decoder.decode(headers[3]) == [(":path", "/Predict")]
        assert data == (0, 1, stream, b"message")
        encoder = hpack.Encoder()
        encoder.header_table_size = 0
        answer = frame(1, 4, stream, encoder.encode([(":status", "200")])) + frame(0, 0, stream, b"answer")
        exchange.receive(answer[:20])
        exchange.receive(answer[20:])
        assert not exchange.done
        exchange.receive(frame(1, 5, stream, encoder.encode([("grpc-status", "0")])))
        assert (exchange.done, exchange.error, exchange.body) == (True, "", b"answer")


def test_a_long_message_waits_for_the_windows() -> None:
    message = bytes(range(256)) * 400
    exchange = grpc(message)
    exchange.receive(settings((4, 1000)))
    sent = [one for one in frames(exchange.begin(0)) if one[0] == 0]
    assert [len(one[3]) for one in sent] == [1000]
    more = frames(exchange.receive(frame(8, 0, 1, struct.pack(">I", 200_000))))
    sent += more
    assert sum(len(one[3]) for one in sent) == 65535  # the connection's window
    assert max(len(one[3]) for one in more) == 16384
    sent += frames(exchange.receive(frame(8, 0, 0, struct.pack(">I", 1 << 20))))
    assert b"".join(one[3] for one in sent) == message
    assert [one[1] for one in sent][-2:] == [0, 1]


def test_statuses_resets_and_pings_are_understood() -> None:
    exchange = grpc(b"message")
    exchange.receive(settings())
    exchange.begin(0)
    trailers = hpack.Encoder().encode([(":status", "200"), ("grpc-status", "8"), ("grpc-message", "too%20many")])
    assert frames(exchange.receive(frame(6, 0, 0, b"12345678") + frame(1, 5, 1, trailers))) == [(6, 1, 0, b"12345678")]
    assert (exchange.error, exchange.reason) == ("gRPC RESOURCE_EXHAUSTED", b"too many")
    exchange.begin(0)
    exchange.receive(frame(3, 0, 3, b"\0\0\0\7"))
    assert (exchange.done, exchange.error) == (True, "gRPC call reset")
    exchange.begin(0)
    exchange.receive(frame(7, 0, 0, struct.pack(">II", 3, 0)))
    assert (exchange.done, exchange.error, exchange.reusable) == (True, "connection closed", False)
    with pytest.raises(InvalidResponse):
        exchange.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n")
