"""Clients that ask without pause while something happens to the server."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

BODY = b'{"instances": [1.0]}'


@dataclass(slots=True)
class Client:
    """Asks over one connection after another until told to stop, or until none can be made.

    versions: what answered each request. lost: what came instead of an answer to a request that was sent, or an
    answer that was no prediction.
    """

    host: str
    port: int
    keep_alive: bool
    stopping: threading.Event
    versions: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def run(self) -> None:
        while not self.stopping.is_set():
            connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
            try:
                connection.connect()
            except OSError:
                return
            with contextlib.closing(connection):
                self.ask_on(connection)

    def ask_on(self, connection: http.client.HTTPConnection) -> None:
        connection.auto_open = 0
        while connection.sock is not None and not self.stopping.is_set():
            try:
                connection.request("POST", "/v1/models/half_plus_two:predict", BODY)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            if answer.status != 200:
                self.lost.append(f"{answer.status} {body!r}")
                return
            self.versions.append(answer.headers["Lightship-Model-Version"])
            if not self.keep_alive:
                return


@dataclass(frozen=True, slots=True)
class Clients:
    clients: list[Client]
    threads: list[threading.Thread]

    def wait_for_answers(self, further: int = 20) -> None:
        """Until every client has been answered so often again."""
        wanted = [len(client.versions) + further for client in self.clients]
        deadline = time.monotonic() + 60
        while any(len(client.versions) < count for client, count in zip(self.clients, wanted, strict=True)):
            assert time.monotonic() < deadline, [client.lost for client in self.clients]
            threading.Event().wait(0.01)

    def last_versions(self) -> set[str]:
        return {client.versions[-1] for client in self.clients}

    def join(self) -> None:
        for thread in self.threads:
            thread.join(60)

    @property
    def lost(self) -> list[str]:
        return [line for client in self.clients for line in client.lost]


@contextlib.contextmanager
def asking(host: str, port: int, number: int = 4) -> Iterator[Clients]:
    """Every second one with a new connection for each request."""
    stopping = threading.Event()
    clients = [Client(host, port, index % 2 == 0, stopping) for index in range(number)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    running = Clients(clients, threads)
    try:
        yield running
    finally:
        stopping.set()
        running.join()
