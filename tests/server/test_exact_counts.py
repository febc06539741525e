"""A server counts every request exactly once, whoever reads its metrics meanwhile, and still when it has drained."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx2
from prometheus_client.parser import text_string_to_metric_families
from tests.server.grpc_process import PREDICT, eventually, request
from tests.server.grpc_serving import Slow
from tests.server.http2 import Http2, message

from lightship.errors import Code
from lightship.server import Server, ServerOptions, parse_model_argument
from lightship.transports.metrics.text import Family, metrics_text

CLIENTS = 4  # of each transport
EACH = 40
SHORT, LONG = [1.0], [1.0] * 3000  # the event loop answers the one, and a thread the other
WRONG = ["no number"]


def started(model: Path, **more: Any) -> Server:
    options = ServerOptions([parse_model_argument(f"m={model}")], rest_port="auto", grpc_port="auto", **more)
    server = Server(options).start()
    assert server.wait_ready(60)
    return server


def value(page: str, sample: str, **labels: str) -> float:
    # The parser adds _total to the names of counters.
    samples = (one for family in text_string_to_metric_families(page) for one in family.samples)
    return sum(one.value for one in samples if one.name == sample and labels.items() <= one.labels.items())


def page_of(families: list[Family]) -> str:
    return metrics_text(families).decode()


def test_requests_of_many_clients_are_counted_while_the_page_is_read(half_plus_two: Path) -> None:
    server, seen = started(half_plus_two), list[float]()

    def ask_rest() -> None:
        with httpx2.Client(base_url=server.rest_url, timeout=60) as client:
            for number in range(EACH):
                values = (SHORT, LONG, WRONG, SHORT)[number % 4]
                status = client.post("/v1/models/m:predict", json={"instances": values}).status_code
                assert status == (400 if values is WRONG else 200)

    def ask_grpc() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            predict = channel.unary_unary(PREDICT)
            for number in range(EACH):
                predict(request((SHORT, LONG)[number % 2]), timeout=60)

    def page() -> str:
        return httpx2.get(f"{server.rest_url}/metrics", timeout=60).text

    try:
        threads = [threading.Thread(target=ask) for ask in (ask_rest, ask_grpc) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            seen.append(value(page(), "lightship_requests_total", code="OK"))
        found = page()
    finally:
        server.stop()
    assert seen == sorted(seen)
    rest, grpc_calls = CLIENTS * EACH * 3 // 4, CLIENTS * EACH
    for transport, wanted in (("rest", rest), ("grpc", grpc_calls)):
        assert value(found, "lightship_requests_total", transport=transport, code="OK") == wanted
        assert value(found, "lightship_request_seconds_count", transport=transport) == wanted
    assert value(found, "lightship_requests_total", code="INVALID_ARGUMENT") == CLIENTS * EACH / 4
    assert value(found, "lightship_request_stage_seconds_count", stage="run") == rest + grpc_calls
    assert value(found, ":tensorflow:serving:request_count_total", status="OK") == rest + grpc_calls
    assert value(found, ":tensorflow:serving:request_count_total", status="INVALID_ARGUMENT") == CLIENTS * EACH / 4
    assert value(found, ":tensorflow:serving:runtime_latency_count", API="Predict") == rest + grpc_calls
    alone = rest + grpc_calls - value(found, "lightship_joined_calls_total")
    assert value(found, ":tensorflow:core:graph_runs_total") == alone + value(found, "lightship_joined_runs_total")


def test_what_was_noted_is_counted_when_the_server_has_drained(half_plus_two: Path) -> None:
    server = started(half_plus_two)
    for _ in range(5):
        assert httpx2.post(f"{server.rest_url}/v1/models/m:predict", json={"instances": SHORT}).status_code == 200
    endpoints = server._endpoints
    assert endpoints is not None
    server.stop()
    assert value(page_of(endpoints.own_families()), "lightship_requests_total", code="OK") == 5
    assert value(page_of(endpoints.families()), ":tensorflow:serving:request_count_total", status="OK") == 5
    assert value(page_of(endpoints.families()), ":tensorflow:serving:runtime_latency_count") == 5


def test_calls_that_nobody_waits_for_are_counted_once_by_the_reason(
    half_plus_two: Path, slow: Callable[[Server], Slow]
) -> None:
    server = started(half_plus_two, timeout_seconds=1.0)
    engine, endpoints = slow(server), server._endpoints
    assert endpoints is not None
    assert endpoints.grpc is not None
    body = b'{"instances": [1.0]}'
    try:
        with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as client:
            client.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert eventually(lambda: endpoints.executor.unfinished == 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets it
        assert httpx2.post(f"{server.rest_url}/v1/models/m:predict", content=body).status_code == 504
        with Http2(server.grpc_port) as client:  # gRPC's own clients reset a stream at their deadline
            answer = client.ask(message(request(SHORT)), [("grpc-timeout", "200m")])
            assert answer.status == Code.DEADLINE_EXCEEDED
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            call = channel.unary_unary(PREDICT).future(request(SHORT), timeout=60)
            assert eventually(lambda: endpoints.grpc.unfinished == 1)
            call.cancel()
            engine.go_on.set()

            def counted(**labels: str) -> float:
                page = httpx2.get(f"{server.rest_url}/metrics", timeout=60).text
                return value(page, "lightship_requests_total", **labels)

            assert eventually(lambda: counted() == 4)
            for transport in ("rest", "grpc"):
                for code in ("DEADLINE_EXCEEDED", "CANCELLED"):
                    assert counted(transport=transport, code=code, model="m", method="predict") == 1
            page = page_of(endpoints.families())
            assert value(page, ":tensorflow:serving:request_count_total", model_name="m") == 4
    finally:
        engine.go_on.set()
        server.stop()
