"""A server that may open few files: too many connections do not keep new clients out."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightship.server.open_files import max_connections

FILES = 300
CLIENTS = 900
LIGHTSHIP = Path(sys.executable).parent / "lightship"


@pytest.fixture
def port(half_plus_two: Path) -> Iterator[int]:
    """The REST port of a server that may open `FILES` files."""
    command = ["prlimit", f"--nofile={FILES}:{FILES}", str(LIGHTSHIP), "serve", f"m={half_plus_two}", "--json"]
    command += ["--rest-port", "auto", "--grpc-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(json.loads(process.stdout.readline())["rest_port"])
        finally:
            process.terminate()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /livez HTTP/1.1\r\n", b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_newcomer_is_answered_beside_more_slow_connections_than_files(port: int, sent: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            client.sendall(sent)
            if number % 50 == 49:
                assert status(port) == 200
        assert status(port) == 200


def status(port: int) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/v1/models/m:predict", b'{"instances": [1.0]}')
        with connection.getresponse() as answer:
            answer.read()
            return answer.status


def test_a_reserve_of_files_is_left() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 0 < max_connections() < soft
    assert max_connections(3) == 3
    assert max_connections(soft) == max_connections()


def test_the_limit_of_files_is_raised_as_far_as_allowed() -> None:
    code = (
        "import resource; from lightship.server.open_files import raise_file_limit; raise_file_limit();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    command = ["prlimit", "--nofile=100:700", sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "(700, 700)\n"
