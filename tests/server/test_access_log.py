"""The access log of a server, by the requests of real clients over both transports."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import numpy as np
import pytest
from tests.server.grpc_process import PREDICT, eventually, request
from tests.server.grpc_serving import Slow
from tests.server.http2 import Http2, message

from lightship import protos
from lightship.errors import InvalidArgument
from lightship.server import Server, ServerOptions
from lightship.transports.access_log.record import STAGES
from lightship.transports.http.limits import Limits, Timeouts

URL = "/v1/models/m:predict"
BODY = b'{"instances": [1.0]}'
HEAD = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (URL.encode(), len(BODY))
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
LARGE = np.arange(100_000, dtype=np.float32)


class Logged:
    """A server with an access log of JSON, and its lines."""

    def __init__(self, server: Server, path: Path) -> None:
        self.server, self.url, self._path = server, server.rest_url, path
        self._read = 0

    def lines(self, number: int = 1) -> list[dict[str, Any]]:
        """Waits for so many further lines, and returns them."""
        found: list[str] = []

        def come() -> bool:
            found[:] = self._path.read_text().splitlines()[self._read :]
            return len(found) >= number

        assert eventually(come), found
        assert len(found) == number
        self._read += number
        return [json.loads(line) for line in found]

    def line(self) -> dict[str, Any]:
        (only,) = self.lines()
        return only

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.rest_port), timeout=60)


@pytest.fixture
def start(served: Callable[..., Server], tmp_path: Path) -> Callable[..., Logged]:
    def starting(**options: Any) -> Logged:
        path = tmp_path / "access.log"
        options = {"rest_port": "auto", "access_log": "json", "access_log_file": path} | options
        return Logged(served(**options), path)

    return starting


@pytest.fixture
def logged(start: Callable[..., Logged]) -> Logged:
    return start()


@pytest.fixture
def channel(logged: Logged) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(logged.server.grpc_address, [("grpc.max_receive_message_length", -1)]) as opened:
        yield opened


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def check_times(line: dict[str, Any]) -> None:
    stages = [line[f"{stage}_ms"] for stage in STAGES]
    assert all(stage >= 0 for stage in stages)
    assert sum(stages) == pytest.approx(line["ms"], abs=0.01)


# REST


@pytest.mark.parametrize("numbers", [1, 3000])
def test_a_predict_has_all_fields(logged: Logged, numbers: int) -> None:
    """A short one is answered on the event loop, a long one on threads."""
    body = json.dumps({"instances": [1.0] * numbers}).encode()
    for _ in range(2):  # the first run is never made on the event loop
        answer = httpx2.post(logged.url + URL, content=body)
        line = logged.line()
    assert answer.headers["x-request-id"] == line["id"]
    check_times(line)
    assert min(line[name] for name in ("decode_ms", "run_ms", "encode_ms")) > 0
    shown = {"client": "127.0.0.1", "method": "POST", "path": URL, "model": "m", "version": 123, "status": 200}
    assert line | shown | {"bytes_in": len(body), "bytes_out": len(answer.content)} == line


def test_a_run_that_takes_long_is_seen_as_such(logged: Logged, slow: Callable[[Server], Slow]) -> None:
    engine = slow(logged.server)
    asking = threading.Thread(target=httpx2.post, args=(logged.url + URL,), kwargs={"content": BODY, "timeout": 60})
    asking.start()
    assert engine.begun.acquire(timeout=60)
    threading.Event().wait(0.2)
    engine.go_on.set()
    asking.join(60)
    line = logged.line()
    check_times(line)
    assert line["run_ms"] >= 150


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        (URL, {"content": b"{"}, {"status": 400, "model": "m", "version": None}),
        ("/v1/models/none:predict", {"content": BODY}, {"status": 404, "model": "none", "version": None}),
        ("/v1/models/m/versions/7:predict", {"content": BODY}, {"status": 404, "model": "m"}),
        (URL, {"content": b'{"instances": [[1, 2], [3]]}'}, {"status": 400, "model": "m"}),
        (URL, {"content": b"GIF", "headers": {"Content-Type": "image/gif"}}, {"status": 400, "model": "m"}),
        ("/v1/models/m:regress", {"content": b"{}"}, {"status": 400, "model": "m"}),
        ("/nowhere?a=b", {"content": b"123"}, {"status": 404, "model": None, "bytes_in": 3, "path": "/nowhere?a=b"}),
    ],
)
def test_errors_are_logged(logged: Logged, path: str, options: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = httpx2.post(logged.url + path, **options)
    line = logged.line()
    check_times(line)
    assert line | {"method": "POST", "bytes_out": len(answer.content)} | {"path": path} | expected == line
    assert answer.headers["x-request-id"] == line["id"]


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/metrics", "/docs", "/openapi.json", "/v1/models", "/v1/models/m"]
)
def test_pages_and_health_checks_are_logged(logged: Logged, path: str) -> None:
    answer = httpx2.get(logged.url + path)
    line = logged.line()
    assert line | {"method": "GET", "path": path, "status": 200, "bytes_in": 0} == line
    assert line["bytes_out"] == len(answer.content)


def test_the_version_of_metadata_and_of_binary_tensors_is_known(logged: Logged) -> None:
    httpx2.get(logged.url + "/v1/models/m/metadata")
    headers = {"Content-Type": "application/octet-stream", "Lightship-Shape": "2", "Lightship-Dtype": "float32"}
    answer = httpx2.post(logged.url + URL, content=np.float32([1, 2]).tobytes(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert [line["version"] for line in logged.lines(2)] == [123, 123]


def test_the_answer_to_head_has_no_bytes(logged: Logged) -> None:
    httpx2.head(logged.url + "/livez")
    line = logged.line()
    assert line | {"method": "HEAD", "status": 200, "bytes_out": 0} == line


@pytest.mark.parametrize(
    ("sent", "status", "path"),
    [
        (b"NONSENSE\r\n\r\n", 501, None),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "/x"),
        (b"GET /x HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "/x"),
        (b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "/x"),
        (b"GET /x HTTP/1.1\r\nHost: elsewhere\r\n\r\n", 421, "/x"),
        (b"GET /x HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 70_000, 431, "/x"),
        (b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n", 413, "/x"),
    ],
)
def test_requests_that_are_refused_before_they_are_complete_are_logged(
    start: Callable[..., Logged], sent: bytes, status: int, path: str | None
) -> None:
    logged = start(limits=Limits(json=1_000_000))
    with logged.connect() as connection:
        connection.sendall(sent)
        head = connection.recv(1 << 16).decode()
        line = logged.line()
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert line | {"status": status, "path": path, "version": None} == line
    assert f"\r\nX-Request-Id: {line['id']}\r\n" in head
    check_times(line)


def test_a_body_that_does_not_come_is_logged(start: Callable[..., Logged]) -> None:
    logged = start(timeouts=Timeouts(body=0.2))
    with logged.connect() as connection:
        connection.sendall(b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{" % URL.encode())
        line = logged.line()
    assert line | {"status": 504, "path": URL, "bytes_in": 1} == line
    assert line["receive_ms"] >= 150


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /liv", {"path": "/liv", "method": None}),
        (b"POST /x HTTP/1.1\r\nHost: localhost\r\n", {"path": "/x"}),
        (b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1234", {"path": "/x", "bytes_in": 4}),
    ],
)
@pytest.mark.parametrize("politely", [True, False])
def test_connections_that_end_in_mid_request_are_logged(
    logged: Logged, sent: bytes, expected: dict[str, Any], politely: bool
) -> None:
    connection = logged.connect()
    connection.sendall(sent)
    httpx2.get(logged.url + "/livez")
    assert logged.line()["path"] == "/livez"
    if politely:
        connection.close()
    else:
        reset(connection)
    line = logged.line()
    assert line | {"status": 499, "bytes_out": 0, "client": "127.0.0.1"} | expected == line
    check_times(line)


def test_a_client_that_does_not_wait_for_its_answer_is_logged(logged: Logged, slow: Callable[[Server], Slow]) -> None:
    engine = slow(logged.server)
    with logged.connect() as connection:
        connection.sendall(HEAD + BODY)
        assert engine.begun.acquire(timeout=60)
        reset(connection)
    line = logged.line()
    assert line | {"status": 499, "path": URL, "model": "m", "bytes_in": len(BODY), "bytes_out": 0} == line
    check_times(line)
    engine.go_on.set()


def test_a_request_that_takes_too_long_is_logged(start: Callable[..., Logged], slow: Callable[[Server], Slow]) -> None:
    logged = start(timeout_seconds=0.2)
    engine = slow(logged.server)
    assert httpx2.post(logged.url + URL, content=BODY).status_code == 504
    line = logged.line()
    engine.go_on.set()
    assert line | {"status": 504, "path": URL, "model": "m"} == line
    check_times(line)


def test_a_connection_that_is_turned_away_is_logged(
    start: Callable[..., Logged], slow: Callable[[Server], Slow]
) -> None:
    logged = start(limits=Limits(connections=1))
    engine = slow(logged.server)
    with logged.connect() as busy:
        busy.sendall(HEAD + BODY)
        assert engine.begun.acquire(timeout=60)
        with logged.connect() as further:
            assert further.recv(1000).startswith(b"HTTP/1.1 503 ")
        line = logged.line()
        assert line | {"status": 503, "client": "127.0.0.1", "path": None} == line
        engine.go_on.set()
        assert busy.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_requests_on_one_connection_are_logged_in_their_order(logged: Logged) -> None:
    asked = [b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in (b"/livez?1", b"/livez?2", b"/x", b"/y")]
    with logged.connect() as connection:
        connection.sendall(b"".join(asked))
        lines = logged.lines(4)
    expected = [("/livez?1", 200), ("/livez?2", 200), ("/x", 404), ("/y", 499)]  # the page 404 ends the connection
    assert [(line["path"], line["status"]) for line in lines] == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-Id": "mine-1"}, "mine-1"),
        ({"traceparent": TRACE}, TRACE_ID),
        ({"traceparent": TRACE, "X-Request-Id": "mine-1"}, "mine-1"),
        ({"traceparent": "00-zz", "X-Request-Id": "not valid"}, None),
        ({"X-Request-Id": "x" * 129}, None),
        ({}, None),
    ],
)
def test_the_id_of_a_request_is_the_clients_or_made(
    logged: Logged, channel: grpc.Channel, headers: dict[str, str], expected: str | None
) -> None:
    answer = httpx2.post(logged.url + URL, content=BODY, headers=headers)
    metadata = [(name.lower(), value) for name, value in headers.items()]
    _, call = channel.unary_unary(PREDICT).with_call(request(), metadata=metadata)
    returned = [answer.headers["x-request-id"], dict(call.trailing_metadata())["x-request-id"]]
    assert [line["id"] for line in logged.lines(2)] == returned
    if expected is not None:
        assert returned == [expected] * 2
    else:
        assert all(re.fullmatch("[0-9a-f]{32}", one) for one in returned)
        assert returned[0] != returned[1]


# gRPC


@pytest.mark.parametrize("values", [[2.0], LARGE])
def test_a_call_has_all_fields(logged: Logged, channel: grpc.Channel, values: Any) -> None:
    asked = request(values)
    for _ in range(2):
        answer, call = channel.unary_unary(PREDICT).with_call(asked, timeout=60)
        line = logged.line()
    assert dict(call.trailing_metadata())["x-request-id"] == line["id"]
    check_times(line)
    assert min(line[name] for name in ("decode_ms", "run_ms", "encode_ms")) > 0
    shown = {"client": "127.0.0.1", "method": "gRPC", "rpc": PREDICT, "model": "m", "version": 123, "code": "OK"}
    assert line | shown | {"bytes_in": len(asked) + 5, "bytes_out": len(answer) + 5} == line


def test_the_other_methods_are_logged(logged: Logged, channel: grpc.Channel) -> None:
    metadata = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = "m"
    status = protos.GetModelStatusRequest()
    status.model_spec.name = "m"
    inference = protos.MultiInferenceRequest()
    inference.tasks.add().model_spec.name = "none"
    calls = [
        ("/tensorflow.serving.PredictionService/GetModelMetadata", metadata, {"version": 123, "model": "m"}),
        ("/tensorflow.serving.ModelService/GetModelStatus", status, {"version": None, "model": "m"}),
        ("/tensorflow.serving.PredictionService/MultiInference", inference, {"code": "NOT_FOUND", "model": "none"}),
        ("/lightship.v1.ModelCatalog/ListModels", protos.ListModelsRequest(), {"model": None}),
        (CHECK, protos.HealthCheckRequest(), {"model": None}),
        ("/tensorflow.serving.ModelService/HandleReloadConfigRequest", protos.ReloadConfigRequest(), {}),
        ("/no.Such/Method", status, {"code": "UNIMPLEMENTED"}),
    ]
    for name, asked, expected in calls:
        try:
            _, call = channel.unary_unary(name).with_call(asked.SerializeToString(), timeout=60)
        except grpc.RpcError as error:
            call = error  # type: ignore[assignment]
        line = logged.line()
        assert line | {"rpc": name, "code": call.code().name} | expected == line
        assert dict(call.trailing_metadata())["x-request-id"] == line["id"]
        check_times(line)


@pytest.mark.parametrize("values", [[2.0], LARGE])
def test_calls_that_fail_are_logged(logged: Logged, channel: grpc.Channel, values: Any) -> None:
    with pytest.raises(grpc.RpcError):
        channel.unary_unary(PREDICT)(request(values, "none"), timeout=60)
    line = logged.line()
    assert line | {"code": "NOT_FOUND", "model": "none", "version": None, "bytes_out": 0} == line


def test_calls_that_are_cancelled_or_late_are_logged(
    logged: Logged, channel: grpc.Channel, slow: Callable[[Server], Slow]
) -> None:
    engine = slow(logged.server)
    grpc.channel_ready_future(channel).result(60)
    late = channel.unary_unary(PREDICT).future(request(), timeout=3)  # in which the run must begin
    assert engine.begun.acquire(timeout=60)
    assert late.exception(60).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    line = logged.line()
    assert line["code"] in ("DEADLINE_EXCEEDED", "CANCELLED")  # the client resets it a moment before its deadline
    assert line["model"] == "m"
    call = channel.unary_unary(PREDICT).future(request())
    assert engine.begun.acquire(timeout=60)
    call.cancel()
    line = logged.line()
    assert line | {"code": "CANCELLED", "rpc": PREDICT, "model": "m", "bytes_out": 0} == line
    check_times(line)
    engine.go_on.set()


def test_a_connection_that_is_lost_ends_its_calls_in_the_log(logged: Logged) -> None:
    client = Http2(logged.server.grpc_port)
    client.start()
    client.send(client.start(), message(request(LARGE))[:1000], end=False)
    with Http2(logged.server.grpc_port) as other:
        assert other.ask(message(b""), path=CHECK).status == 0
    assert logged.line()["rpc"] == CHECK
    client.vanish()
    lines = logged.lines(2)
    assert [(line["code"], line["rpc"]) for line in lines] == [("CANCELLED", PREDICT)] * 2
    assert sorted(line["bytes_in"] for line in lines) == [0, 1000]


def test_streams_are_logged_when_they_end(start: Callable[..., Logged]) -> None:
    logged = start()
    with Http2(logged.server.grpc_port) as client:
        stream = client.start(path=WATCH)
        client.send(stream, message(b""))
        while len(client.answers[stream].data) < 7:
            client.read()
        client.h2.reset_stream(stream, 8)
        client.flush()
        line = logged.line()
    assert line | {"rpc": WATCH, "code": "CANCELLED", "bytes_in": 5, "bytes_out": 7} == line


def test_requests_that_are_not_grpcs_are_logged(logged: Logged) -> None:
    with Http2(logged.server.grpc_port) as client:
        assert client.ask(b"", path="/x", replaced={":method": "GET"}).headers[":status"] == "405"
        assert client.ask(b"", path="/x", replaced={"content-type": "text/plain"}).headers[":status"] == "415"
    first, second = logged.lines(2)
    assert first | {"method": "GET", "status": 405, "path": "/x"} == first
    assert second | {"method": "POST", "status": 415} == second


def test_calls_beyond_the_streams_of_a_connection_are_logged(
    start: Callable[..., Logged], slow: Callable[[Server], Slow]
) -> None:
    from lightship.transports.grpc.options import GrpcOptions, parse_channel_arguments

    arguments = parse_channel_arguments("grpc.max_concurrent_streams=1")
    logged = start(grpc=GrpcOptions(channel_arguments=arguments))
    engine = slow(logged.server)
    with Http2(logged.server.grpc_port) as client:
        client.h2.remote_settings[3] = 100
        client.h2.remote_settings.acknowledge()
        first = client.start()
        client.send(first, message(request()))
        assert engine.begun.acquire(timeout=60)
        stream = client.h2.get_next_available_stream_id()
        client.raw(_headers(client, stream))
        line = logged.line()
        assert line | {"rpc": PREDICT, "code": "UNAVAILABLE"} == line
        engine.go_on.set()
        assert client.answer(first).status == 0


def _headers(client: Http2, stream: int) -> bytes:
    """A HEADERS frame, whatever the server allows."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", PREDICT), ("content-type", "application/grpc")]
    block = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in fields
    )
    return len(block).to_bytes(3, "big") + b"\1\4" + stream.to_bytes(4, "big") + block


# The server


def test_nothing_is_returned_without_an_access_log(served: Callable[..., Server]) -> None:
    server = served(rest_port="auto")
    answer = httpx2.post(server.rest_url + URL, content=BODY, headers={"X-Request-Id": "mine"})
    assert "x-request-id" not in answer.headers
    with grpc.insecure_channel(server.grpc_address) as channel:
        _, call = channel.unary_unary(PREDICT).with_call(request(), metadata=[("x-request-id", "mine")])
    assert "x-request-id" not in dict(call.trailing_metadata())


def test_text_goes_to_standard_output(served: Callable[..., Server], capfd: pytest.CaptureFixture[str]) -> None:
    server = served(rest_port="auto", access_log="text")
    httpx2.post(server.rest_url + URL, content=BODY)
    server.stop()
    found = [line for line in capfd.readouterr().out.splitlines() if f" POST {URL} 200 model=m version=123 " in line]
    assert len(found) == 1


def test_the_last_lines_are_written_when_the_server_stops(logged: Logged) -> None:
    for _ in range(200):
        httpx2.get(logged.url + "/livez")
    logged.server.stop()
    assert len(logged.lines(200)) == 200


def test_calls_without_joining_have_their_runs_too(start: Callable[..., Logged]) -> None:
    logged = start(join=False)
    httpx2.post(logged.url + URL, content=json.dumps({"instances": [1.0] * 3000}).encode())
    assert logged.line()["run_ms"] > 0


def test_options_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="access_log is None"):
        ServerOptions(models=[], access_log_file=tmp_path / "log")
    with pytest.raises(InvalidArgument, match="access_log='xml'"):
        ServerOptions(models=[], access_log="xml")  # type: ignore[arg-type]


def test_a_log_that_cannot_be_written_ends_the_start(served: Callable[..., Server], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="nowhere/log cannot be written"):
        served(access_log="text", access_log_file=tmp_path / "nowhere" / "log")
