"""Slow work takes no threads of other work, and a call that would wait too long is refused before its body is read."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lightship.batching import Direct, Steps
from lightship.server import Server, serve
from lightship.transports.http import lanes
from lightship.transports.http.kinds import EXPLANATIONS, IMAGES, LARGE, SMALL
from lightship.transports.http.lanes import Origin, WaitLimits
from lightship.transports.http.messages import Request, Response
from lightship.transports.rest import api
from lightship.transports.rest.kinds import origin_of

BODY = b'{"instances": [1.0]}'
LARGE_BODY = b'{"instances": [' + b"1.0, " * 20_000 + b"1.0]}"
HOST = b"Host: localhost\r\n"
THREADS = 2


class Held:
    """An engine whose runs wait until they may go on. `running` is the number of runs that have begun."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.running, self.go_on = engine, 0, threading.Event()

    def run(self, *arguments: Any, **options: Any) -> Any:
        self.running += 1
        assert self.go_on.wait(120)
        return self.engine.run(*arguments, **options)

    def try_run(self, *arguments: Any, **options: Any) -> None:
        return None

    def ready(self, *arguments: Any) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


@pytest.fixture
def server(half_plus_two: Path) -> Iterator[Server]:
    """Two models, `m` and `n`."""
    models = (f"m={half_plus_two}", f"n={half_plus_two}")
    with serve(*models, rest_port="auto", threads=THREADS, max_queue_seconds=0.02) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture
def held(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """The engine of `m`."""
    # A busy machine takes long enough over these tests for runs that are held to get further threads.
    monkeypatch.setattr(lanes, "_OVERDUE", 600.0)
    lease = server.manager._serving._models["m"].latest
    assert lease is not None
    engine = Held(lease.servable.engine)
    monkeypatch.setattr(lease, "servable", replace(lease.servable, engine=engine, scheduler=Direct(engine)))
    yield engine
    engine.go_on.set()


def ask(server: Server, target: str, body: bytes | None = BODY, **headers: str) -> tuple[int, http.client.HTTPMessage]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as connection:
        connection.request("GET" if body is None else "POST", target, body, headers)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status, answer.headers


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


class Callers:
    """Calls on threads of their own."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.threads: list[threading.Thread] = []

    def call(self, *arguments: Any, **headers: str) -> None:
        def run() -> None:
            self.statuses.append(ask(*arguments, **headers)[0])

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def join(self) -> list[int]:
        for thread in self.threads:
            thread.join(60)
        return self.statuses


def fill(server: Server, held: Held, callers: Callers, body: bytes = BODY) -> None:
    """Lets calls of `m` take all threads of their kind, and one wait."""
    for number in range(THREADS):
        callers.call(server, "/v1/models/m:predict", body)
        until(lambda number=number: held.running == number + 1)  # type: ignore[misc]
    executor = server._endpoints.executor  # type: ignore[union-attr]
    (lane,) = [lane for lane in executor._lanes.values() if lane.running == THREADS]
    # On a busy machine the calls above have run for so long that one more would be refused.
    lane.limits, limits = WaitLimits(queue=600.0), lane.limits
    callers.call(server, "/v1/models/m:predict", body)
    until(lambda: executor.waiting == 1)
    lane.limits = limits


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/v1/models", "/v1/models/m", "/openapi.json"])
def test_what_runs_no_model_is_answered_while_all_threads_are_taken(server: Server, held: Held, path: str) -> None:
    callers = Callers()
    fill(server, held, callers)
    assert ask(server, path, None)[0] == 200
    held.go_on.set()
    assert callers.join() == [200] * 3


@pytest.mark.parametrize("body", [BODY, LARGE_BODY], ids=["small", "large"])
def test_another_model_is_answered_while_one_takes_all_threads(server: Server, held: Held, body: bytes) -> None:
    callers = Callers()
    fill(server, held, callers, body)
    assert ask(server, "/v1/models/n:predict", body)[0] == 200
    held.go_on.set()
    assert callers.join() == [200] * 3


def test_small_calls_are_answered_while_large_ones_take_all_their_threads(server: Server, held: Held) -> None:
    """Of the same model."""
    callers = Callers()
    fill(server, held, callers, LARGE_BODY)
    callers.call(server, "/v1/models/m:predict", BODY)
    until(lambda: held.running == THREADS + 1)
    held.go_on.set()
    assert callers.join() == [200] * 4


def test_photos_that_take_long_hold_up_neither_calls_nor_each_other(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def answer_image(manager: Any, route: Any, request: Request) -> Steps[Response]:
        yield from ()
        if request.body == b"slow":
            begun.release()
            assert go_on.wait(120)
        return Response(200, b"{}")

    monkeypatch.setattr(api, "answer_image", answer_image)
    callers, kind = Callers(), {"Content-Type": "image/jpeg"}
    for _ in range(THREADS):
        callers.call(server, "/v1/models/m:predict", b"slow", **kind)
        assert begun.acquire(timeout=60)
    assert ask(server, "/v1/models/m:predict", BODY)[0] == 200
    until(lambda: ask(server, "/v1/models/m:predict", b"fast", **kind)[0] == 200)
    go_on.set()
    assert callers.join() == [200] * THREADS


@contextlib.contextmanager
def overloaded(server: Server, held: Held) -> Iterator[None]:
    """All threads of `m` are taken, and a further call would wait for too long."""
    callers = Callers()
    fill(server, held, callers)
    executor = server._endpoints.executor  # type: ignore[union-attr]
    until(lambda: executor.refused(Origin(SMALL, "m", "127.0.0.1"), lambda *_: True) is not None)
    yield
    held.go_on.set()
    assert callers.join() == [200] * 3


def test_a_call_that_would_wait_too_long_is_told_when_to_try_again(server: Server, held: Held) -> None:
    with overloaded(server, held):
        status, headers = ask(server, "/v1/models/m:predict")
        assert status == 503
        assert int(headers["Retry-After"]) >= 1
        assert headers["Connection"] is None
        assert ask(server, "/v1/models/n:predict")[0] == 200
        assert 'request_count{model_name="m",status="UNAVAILABLE"}' in metrics(server)
    assert ask(server, "/v1/models/m:predict")[0] == 200


def metrics(server: Server) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        with connection.getresponse() as answer:
            return answer.read().decode()


def test_it_is_refused_before_its_body_came(server: Server, held: Held) -> None:
    head = b"POST /v1/models/m:predict HTTP/1.1\r\n" + HOST
    with overloaded(server, held):
        for length in (50_000, 60_000):
            with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as client:
                client.sendall(head + b"Content-Length: %d\r\n\r\n" % length)
                assert client.recv(65536).startswith(b"HTTP/1.1 503 ")
                client.sendall(bytes(length) + b"GET /livez HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
                assert client.recv(65536).startswith(b"HTTP/1.1 200 ")  # the body was dropped


def test_a_client_that_asks_whether_to_send_its_body_is_told_not_to(server: Server, held: Held) -> None:
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 50000\r\nExpect: 100-continue\r\n" + HOST
    with overloaded(server, held), socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as client:
        client.sendall(head + b"\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Connection: close\r\n" in answer
    assert "too much work" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def request(target: str, **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("POST", target, b"", pairs, client="10.0.0.1")


def test_where_calls_belong(server: Server) -> None:
    manager = server.manager
    predict = "/v1/models/m:predict"
    assert origin_of(request(predict), 100, manager) == Origin(SMALL, "m", "10.0.0.1")
    assert origin_of(request(predict), 1 << 20, manager).kind == LARGE
    assert origin_of(request(predict, content_encoding="gzip"), 100, manager).kind == LARGE
    assert origin_of(request(predict + "?top=3", content_type="image/png"), 100, manager).kind == IMAGES
    assert origin_of(request(predict + "?top=3", content_type="image/png"), 100, manager).model == "m"
    form = request(predict + "?top=3", content_type="multipart/form-data; boundary=x")
    assert origin_of(form, 100, manager) == Origin(IMAGES, "m", "10.0.0.1")
    for explained in (
        request("/v1/models/m:explain?class=3"),
        request("/v1/models/m:explain", content_type="image/png"),
    ):
        for size in (100, 1 << 20):
            assert origin_of(explained, size, manager) == Origin(EXPLANATIONS, "m", "10.0.0.1")
    for unknown in ("/v1/models/other:predict", "/v1/models/m:nothing", "/v1/"):
        assert origin_of(request(unknown), 100, manager).model == ""
