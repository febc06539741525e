"""Requests that two servers could read in two ways, and names of other servers: they are refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lightship.server import Server, serve

HOST = b"Host: localhost\r\n"
BODY = b'{"instances": [1]}'
CHUNKS = b"12\r\n" + BODY + b"\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 18\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
Raw = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(f"m={half_plus_two}", rest_port="auto") as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture
def raw(server: Server) -> Raw:
    return lambda data: ask(server, data)


def ask(server: Server, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def request(headers: bytes, body: bytes = b"", version: bytes = b"1.1", host: bytes = HOST) -> bytes:
    return b"POST /v1/models/m:predict HTTP/" + version + b"\r\n" + host + headers + b"\r\n" + body


FAULTY = {
    "two lengths": request(LENGTH * 2, BODY),
    "two different lengths": request(LENGTH + b"Content-Length: 3\r\n", BODY),
    "a list of lengths": request(b"Content-Length: 18, 18\r\n", BODY),
    "a signed length": request(b"Content-Length: +18\r\n", BODY),
    "a negative length": request(b"Content-Length: -1\r\n"),
    "a hexadecimal length": request(b"Content-Length: 0x12\r\n", BODY),
    "no digits": request(b"Content-Length: \r\n", BODY),
    "a length beyond any": request(b"Content-Length: 99999999999999999999999\r\n"),
    "a length and chunks": request(LENGTH + CHUNKED, CHUNKS),
    "chunks and a length": request(CHUNKED + LENGTH, CHUNKS),
    "gzip": request(b"Transfer-Encoding: gzip\r\n", CHUNKS),
    "gzip and chunks": request(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS),
    "chunks and gzip": request(b"Transfer-Encoding: chunked, gzip\r\n", CHUNKS),
    "chunked twice": request(b"Transfer-Encoding: chunked, chunked\r\n", CHUNKS),
    "two codings": request(CHUNKED * 2, CHUNKS),
    "identity": request(b"Transfer-Encoding: identity\r\n", CHUNKS),
    "another word": request(b"Transfer-Encoding: xchunked\r\n", CHUNKS),
    "a parameter": request(b"Transfer-Encoding: chunked;q=1\r\n", CHUNKS),
    "a quoted coding": request(b'Transfer-Encoding: "chunked"\r\n', CHUNKS),
    "no coding": request(b"Transfer-Encoding: \r\n", CHUNKS),
    "chunks in HTTP/1.0": request(CHUNKED, CHUNKS, version=b"1.0"),
    "a blank before the colon": request(b"Content-Length : 18\r\n", BODY),
    "a folded line": request(b"X: a\r\n b\r\n" + LENGTH, BODY),
    "a folded coding": request(b"Transfer-Encoding:\r\n chunked\r\n", CHUNKS),
    "a blank before the first header": request(LENGTH, BODY, host=b" Host: localhost\r\n"),
    "bare LF after the line": request(LENGTH, BODY).replace(b"\r\n", b"\n", 1),
    "bare LF after a header": request(b"X: a\n" + LENGTH, BODY),
    "bare LF before the body": request(LENGTH).removesuffix(b"\r\n") + b"\n" + BODY,
    "bare CR in a header": request(b"X: a\rContent-Length: 18\r\n", BODY),
    "a zero byte": request(b"X: a\0b\r\n" + LENGTH, BODY),
    "a control character": request(b"X: a\1b\r\n" + LENGTH, BODY),
    "no colon": request(b"X\r\n" + LENGTH, BODY),
    "no name": request(b": a\r\n" + LENGTH, BODY),
    "a chunk's size in hexadecimal notation": request(CHUNKED, b"0x12\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a blank after a chunk's size": request(CHUNKED, b"12 \r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk's size beyond any": request(CHUNKED, b"fffffffffffffffff\r\n" + BODY),
    "bare LF after a chunk's size": request(CHUNKED, b"12\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": request(CHUNKED, b"3\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "two hosts": request(LENGTH, BODY, host=HOST * 2),
    "two different hosts": request(LENGTH, BODY, host=HOST + b"host: example.org\r\n"),
}


@pytest.mark.parametrize("sent", FAULTY.values(), ids=FAULTY)
def test_what_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(raw: Raw, sent: bytes) -> None:
    answer = raw(sent + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in answer
    assert "Invalid HTTP request" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.parametrize("sent", FAULTY.values(), ids=FAULTY)
def test_it_is_refused_byte_by_byte_too(raw: Raw, server: Server, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(sent), 7):
            try:
                client.sendall(sent[start : start + 7])
            except OSError:  # it was refused already
                break
        client.settimeout(60)
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "sent",
    [
        request(LENGTH, BODY),
        request(CHUNKED, CHUNKS),
        request(b"Content-Length: " + b"0" * 5000 + b"18 \r\n", BODY),
        request(b"transfer-encoding: Chunked \r\n", CHUNKS),
        request(CHUNKED, CHUNKS.replace(b"12\r\n", b"12;name=value\r\n")),
        b"\r\n" + request(LENGTH, BODY),
    ],
    ids=["length", "chunks", "zeros before the length", "another case", "chunk extension", "an empty line before"],
)
def test_what_can_be_read_in_one_way_is_answered(raw: Raw, sent: bytes) -> None:
    answer = raw(sent + SMUGGLED)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8501", "LocalHost", "localhost.", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8501", ""],
)
def test_local_names_are_accepted(raw: Raw, host: str) -> None:
    assert b"200 OK" in raw(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "x@localhost"],
)
@pytest.mark.parametrize("path", ["/livez", "/v1/models/m", "/docs", "/metrics"])
def test_other_names_are_told_that_they_are_elsewhere(raw: Raw, host: str, path: str) -> None:
    answer = raw(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")
    assert "--allowed-hosts" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "[2001:db8::1]", "[2001:db8::1]:8501"])
def test_the_error_names_the_host_to_allow(raw: Raw, host: str) -> None:
    answer = raw(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    name = host.removesuffix(":8501")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].endswith(f"--allowed-hosts {name}")


def test_a_request_with_a_body_for_another_name_is_refused_and_not_run(raw: Raw) -> None:
    answer = raw(request(LENGTH, BODY, host=b"Host: evil.example\r\n"))
    assert answer.startswith(b"HTTP/1.1 421 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_the_name_in_an_absolute_url_counts(raw: Raw) -> None:
    assert raw(b"GET http://evil.example/livez HTTP/1.1\r\n" + HOST + b"\r\n").startswith(b"HTTP/1.1 421 ")
    assert b"200 OK" in raw(b"GET http://localhost:8501/livez HTTP/1.1\r\nHost: evil.example\r\n\r\n")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_no_name_is_accepted(raw: Raw, version: bytes) -> None:
    assert b"200 OK" in raw(b"GET /livez HTTP/" + version + b"\r\n\r\n")


@pytest.mark.parametrize("allowed", [["models.example", "other.example"], ["*"]])
def test_names_can_be_allowed(half_plus_two: Path, allowed: list[str]) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", allowed_hosts=allowed) as server:
        answers = [
            ask(server, b"GET /livez HTTP/1.1\r\nHost: %b:80\r\n\r\n" % name) for name in (b"other.example", b"no")
        ]
    assert b"200 OK" in answers[0]
    assert (b"200 OK" in answers[1]) == (allowed == ["*"])


def test_names_are_not_checked_where_other_machines_reach_the_server(half_plus_two: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", host="0.0.0.0") as server:
        assert b"200 OK" in ask(server, b"GET /livez HTTP/1.1\r\nHost: any.example\r\n\r\n")


def test_they_are_checked_there_if_names_are_given(half_plus_two: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", host="0.0.0.0", allowed_hosts=["one.example"]) as server:
        assert b" 200 OK" in ask(server, b"GET /livez HTTP/1.1\r\nHost: one.example\r\n\r\n")
        assert b" 421 " in ask(server, b"GET /livez HTTP/1.1\r\nHost: any.example\r\n\r\n")
