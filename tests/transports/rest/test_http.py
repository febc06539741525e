"""HTTP itself: bodies in pieces, too large ones, clients that hang up, what could smuggle a request."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
from tests.transports.rest.conftest import Ask, Raw

from lightship.server import Server

BODY = b'{"instances": [1.0]}'
HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CLOSE = b"Connection: close\r\n"


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_body_may_come_in_chunks(raw: Raw) -> None:
    chunks = b"5\r\n" + BODY[:5] + b"\r\n%x;extension=1\r\n" % (len(BODY) - 5) + BODY[5:] + b"\r\n0\r\n\r\n"
    answer = raw(HEAD + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n", chunks)
    assert status_of(answer) == 200
    assert b'"predictions": [2.5' in answer


def test_http_1_0_is_answered_and_closed(raw: Raw) -> None:
    answer = raw(b"POST /v1/models/m:predict HTTP/1.0\r\n" + LENGTH + b"\r\n" + BODY)
    assert status_of(answer) == 200


def test_a_proxys_form_of_the_target_is_understood(raw: Raw) -> None:
    answer = raw(b"GET http://localhost:8501/v1/models/m HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n")
    assert status_of(answer) == 200


def test_requests_in_a_row_are_answered_in_order(raw: Raw) -> None:
    other = b'{"instances": [9.0]}'
    answer = raw(HEAD + LENGTH + b"\r\n" + BODY + HEAD + CLOSE + LENGTH + b"\r\n" + other)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"[2.5") < answer.index(b"[6.5")


def test_expect_continue_is_answered_before_the_body(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
        connection.sendall(HEAD + CLOSE + LENGTH + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert status_of(connection.recv(65536)) == 200


def test_headers_are_those_of_tensorflow_serving(ask: Ask) -> None:
    answer = ask("GET", "/v1/models/m", Accept_Encoding="gzip")
    assert "Date" in answer.headers
    assert not {"server", "content-encoding"} & set(answer.headers)


@pytest.mark.parametrize(("kind", "limit"), [(b"image/jpeg", 1 << 20), (b"application/json", 8 << 20)])
def test_a_declared_body_beyond_the_limit_is_refused_unread(raw: Raw, kind: bytes, limit: int) -> None:
    head = HEAD + b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (limit + 1)
    answer = raw(head, bytes(1 << 16))  # not all: the server must not wait for the rest for ever
    assert status_of(answer) == 413
    assert b"Connection: close" in answer
    assert str(limit) in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_chunked_body_beyond_the_limit_is_refused_while_it_comes(raw: Raw) -> None:
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    pieces = [chunk] * 12
    answer = raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *pieces, b"0\r\n\r\n")
    assert status_of(answer) == 413


@pytest.mark.parametrize(
    "headers",
    [
        LENGTH + b"Transfer-Encoding: chunked\r\n",
        LENGTH + b"Content-Length: 3\r\n",
        b"Content-Length: +20\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"A: b\r\n c\r\n" + LENGTH,
        b"A: b\0c\r\n" + LENGTH,
    ],
)
def test_what_could_smuggle_a_request_is_refused(raw: Raw, headers: bytes) -> None:
    answer = raw(HEAD + CLOSE + headers + b"\r\n" + BODY)
    assert status_of(answer) == 400
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "headers",
    [
        LENGTH + LENGTH,
        b"Content-Length: 0x14\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Content-Length: 20, 20\r\n",
        b"Transfer-Encoding: identity\r\n" + LENGTH,
        b"Transfer-Encoding: xchunked\r\n",
        b"A b: c\r\n" + LENGTH,
        b"A: b\rc\r\n" + LENGTH,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(raw: Raw, headers: bytes) -> None:
    answer = raw(HEAD + headers + b"\r\n" + BODY + HEAD + CLOSE + LENGTH + b"\r\n" + BODY)
    assert status_of(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1


def test_chunks_may_be_cut_anywhere_and_have_trailers(raw: Raw) -> None:
    chunks = b"7\r\n" + BODY[:7] + b'\r\n0d;a="b"\r\n' + BODY[7:] + b"\r\n0\r\nA: b\r\n\r\n"
    request = HEAD + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    for cut in range(len(HEAD), len(request)):
        answer = raw(request[:cut], request[cut:])
        assert (status_of(answer), b"[2.5" in answer) == (200, True)


def test_http_1_0_keeps_the_connection_if_asked(raw: Raw) -> None:
    head = b"POST /v1/models/m:predict HTTP/1.0\r\n" + LENGTH
    answer = raw(head + b"Connection: keep-alive\r\n\r\n" + BODY + head + b"\r\n" + BODY)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"Connection: keep-alive") == answer.count(b"Connection: close") == 1


def test_many_requests_in_one_packet_are_answered_in_order(raw: Raw) -> None:
    """Small ones, which are answered at once, between those that a thread answers, and erroneous ones."""
    requests, expected = b"", []
    for number in range(40):
        kind = number % 4
        if kind == 0:
            body, marker = b'{"instances": [%d]}' % (2 * number), b'"predictions": [%d.0' % (number + 2)
        elif kind == 1:
            body = b'{"instances": [' + b"%d.0, " % (2 * number) * 2000 + b"1]}"
            marker = b'"predictions": [%d.0, ' % (number + 2)
        elif kind == 2:
            body, marker = b"{", b"Missing a name for object member"
        else:
            requests += b"GET /v1/models/m%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number
            expected.append(b'any versions of model m%d"' % number)
            continue
        requests += HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
        expected.append(marker)
    answer = raw(requests + b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    places = []
    for marker in expected:
        places.append(answer.index(marker, places[-1] if places else 0))
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 ") == 41


def test_expect_continue_behind_another_request_is_answered_after_it(server: Server) -> None:
    slow = b'{"instances": [' + b"1.0, " * 100_000 + b"1.0]}"
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(slow) + slow)
        connection.sendall(HEAD + CLOSE + LENGTH + b"Expect: 100-continue\r\n\r\n")
        answer = b""
        while b"HTTP/1.1 100 Continue\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        connection.sendall(BODY)
        assert b"[2.5\n" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_answers_have_these_headers(raw: Raw) -> None:
    head = raw(HEAD + CLOSE + LENGTH + b"\r\n" + BODY).partition(b"\r\n\r\n")[0]
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert names == {b"Content-Type", b"Content-Length", b"Date", b"Connection", b"Lightship-Model-Version"}


@pytest.mark.parametrize("line", [b"TRACE / HTTP/1.1", b"CONNECT example.org:80 HTTP/1.1", b"BREW / HTTP/1.1"])
def test_other_verbs_get_a_501_page(raw: Raw, line: bytes) -> None:
    answer = raw(line + b"\r\nHost: localhost\r\n\r\n")
    assert status_of(answer) == 501
    assert b"<H1>Not Implemented</H1>" in answer


def test_endless_headers_are_refused(raw: Raw) -> None:
    answer = raw(b"GET / HTTP/1.1\r\n", *[b"A: " + b"b" * 30_000 + b"\r\n"] * 3)
    assert status_of(answer) == 431


def test_what_is_not_http_gets_400(raw: Raw) -> None:
    assert status_of(raw(b"GET /livez SPDY/9\r\n\r\n")) == 400


def test_clients_that_hang_up_in_a_body_leave_no_memory_taken(server: Server, ask: Ask) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
            connection.sendall(HEAD + b"Content-Length: 8000000\r\n\r\n" + bytes(3_000_000))
    budget = server._endpoints.app.budget
    end = time.monotonic() + 60
    while budget.taken and time.monotonic() < end:
        threading.Event().wait(0.02)
    assert budget.taken == 0
    assert ask("POST", "/v1/models/m:predict", BODY).status == 200
