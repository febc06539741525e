"""Real signals to a real process under load."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.server.conftest import Process, Run

BODY = b'{"instances": [1.0]}'
HEAD = b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: localhost\r\n"
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@dataclass(slots=True)
class Client:
    """Asks without pause until it can connect no longer. `lost`: requests sent and not answered."""

    port: int
    keep_alive: bool
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def run(self) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.connect()
            except OSError:
                return
            with contextlib.closing(connection):
                self.ask_on(connection)

    def ask_on(self, connection: http.client.HTTPConnection) -> None:
        connection.auto_open = 0
        while connection.sock is not None:
            try:
                connection.request("POST", "/v1/models/half_plus_two:predict", BODY)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            self.statuses.add(answer.status)
            self.answered += 1
            if not self.keep_alive:
                return


@pytest.mark.parametrize("keep_alive", [True, False])
def test_every_request_sent_under_load_is_answered(run: Run, half_plus_two: Path, keep_alive: bool) -> None:
    process = run(half_plus_two)
    clients = [Client(process.port, keep_alive) for _ in range(4)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    while min(client.answered for client in clients) < 20:
        threading.Event().wait(0.01)
    process.signal()
    for thread in threads:
        thread.join(60)
    assert process.ended()[0] == 0
    assert [client.lost for client in clients] == [[]] * 4
    assert {status for client in clients for status in client.statuses} == {200}


def connected(process: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", process.port), timeout=60)


def test_a_request_half_sent_is_finished_and_readiness_turns(run: Run, half_plus_two: Path) -> None:
    process = run(half_plus_two)
    with connected(process) as slow, connected(process) as probe:
        slow.sendall(REQUEST[:-5])
        probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert probe.recv(65536).startswith(b"HTTP/1.1 200 ")
        process.signal()
        wait_until_not_ready(process)
        slow.sendall(REQUEST[-5:])
        answer = b"".join(iter(lambda: slow.recv(65536), b""))
    assert b"[2.5" in answer
    assert b"Connection: close" in answer
    assert process.ended()[0] == 0


def wait_until_read(process: Process) -> None:
    """Until it has read what was sent on earlier connections: it reads them in their order."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)) as probe:
        probe.request("GET", "/livez")
        probe.getresponse().read()


def wait_until_not_ready(process: Process) -> None:
    """On connections made after the signal: it is answered as long as an earlier call runs."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)) as probe:
            probe.request("GET", "/readyz")
            with probe.getresponse() as answer:
                if answer.status == 503:
                    return
    raise AssertionError("still ready")


def test_an_idle_connection_does_not_hold_the_end_up(run: Run, half_plus_two: Path) -> None:
    process = run(half_plus_two, drain=600)  # longer than `ended` waits
    with connected(process) as idle:
        idle.sendall(REQUEST)
        answer = b""
        while b"[2.5" not in answer:
            answer += idle.recv(65536)
        process.signal(signal.SIGINT)
        assert process.ended()[0] == 0
        while idle.recv(100):  # the rest of the answer; a reset would raise
            pass


def test_the_time_to_drain_is_limited(run: Run, half_plus_two: Path) -> None:
    process = run(half_plus_two, drain=0.5)
    with connected(process) as stalled:
        stalled.sendall(REQUEST[:-5])
        process.signal()
        code, log = process.ended()
    assert code == 1
    assert "1 calls had not finished after 0.5 seconds and were cancelled" in log


@pytest.mark.parametrize("sent", [b"", REQUEST[:5], REQUEST[:-5]], ids=["nothing", "half a head", "half a body"])
def test_a_client_that_sends_nothing_more_does_not_hold_the_end_up(run: Run, half_plus_two: Path, sent: bytes) -> None:
    process = run(half_plus_two, drain=600)  # longer than `ended` waits
    with connected(process) as stalled:
        stalled.sendall(sent)
        process.signal()
        assert process.ended()[0] == 0
        answer = b"".join(iter(lambda: stalled.recv(65536), b""))
    assert (b"no more of the request's body came within 5 seconds" in answer) == (sent == REQUEST[:-5])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(run: Run, half_plus_two: Path, number: int, code: int) -> None:
    process = run(half_plus_two)
    with connected(process) as stalled:
        stalled.sendall(REQUEST[:-5])
        wait_until_read(process)
        process.signal()
        wait_until_not_ready(process)
        process.signal_until_it_ends(number)
        assert process.ended()[0] == code


WAITING = """
import sys
from pathlib import Path
from lightship.server import ModelConfig, Server, ServerOptions
options = ServerOptions([ModelConfig("late", Path(sys.argv[1]))], poll_seconds=0.02, log_format="text")
sys.exit(7 if Server(options).wait_decided() is False else 8)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_waits_for_its_models_is_ended_by_a_signal(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", WAITING, str(tmp_path / "late")]
    process = Process(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    try:
        process.read_until("Could not find base path")
        process.signal(number)
        code, log = process.ended()
    finally:
        process.popen.kill()
        process.popen.communicate()
    assert code == 7, log
    assert "stopped" in log
