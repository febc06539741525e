"""What is sent again, what is not, when it ends, and what is said then."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from tests.client.conftest import Ask
from tests.client.grpc.conftest import FakeServer, ReceivedRequest, described

from lightship import protos
from lightship.client import flow
from lightship.errors import DeadlineExceeded, InvalidArgument, LightshipError, NotFound, Unavailable, Unknown

BUSY = (grpc.StatusCode.UNAVAILABLE, "draining")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MIN_PAUSE", 0.001)


@pytest.fixture
def closing() -> Iterator[str]:
    """A server that takes a call and hangs up."""

    def hang_up() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):  # the client may hang up first
                connection.sendall(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))  # HTTP/2's SETTINGS
                read = b""
                while b"Predict" not in read and b"GetModelStatus" not in read and (more := connection.recv(65536)):
                    read += more

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield f"grpc://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_a_refused_connection_names_the_address_and_what_to_do(ask: Ask) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody else gets this port meanwhile
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable, match="lightship serve") as raised:
            ask(f"grpc://127.0.0.1:{port}", "status", "dog")
    assert f"no connection to grpc://127.0.0.1:{port}" in str(raised.value)


def test_a_rest_port_is_reported(ask: Ask) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None  # type: ignore[assignment, method-assign]
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        with pytest.raises(Unavailable, match="not the REST port"):
            ask(f"grpc://127.0.0.1:{server.server_port}", "status", "dog", options={"retries": 0})
        server.shutdown()


def test_a_call_that_only_reads_is_sent_again(ask: Ask, fake_server: FakeServer) -> None:
    said = [BUSY, BUSY, protos.GetModelStatusResponse().SerializeToString()]
    fake_server.answer = lambda request: said.pop(0)
    assert ask(fake_server.url, "status", "dog") == ()
    assert len(fake_server.received) == 3


def test_retries_are_limited(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: BUSY
    with pytest.raises(Unavailable, match="^draining$"):
        ask(fake_server.url, "status", "dog", options={"retries": 1})
    assert len(fake_server.received) == 2


def test_a_prediction_is_not_sent_again(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: described(x=1) if "Metadata" in request.method else BUSY
    with pytest.raises(Unavailable, match="^draining$"):
        ask(fake_server.url, "predict", "m", [1.0])
    assert fake_server.methods == ["GetModelMetadata", "Predict"]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_prediction_is_sent_again_if_the_server_allows_it(
    ask: Ask, fake_server: FakeServer, code: grpc.StatusCode
) -> None:
    said: list[Any] = [(code, "busy"), protos.PredictResponse().SerializeToString()]
    fake_server.pushback = 1
    fake_server.answer = lambda request: described(x=1) if "Metadata" in request.method else said.pop(0)
    assert ask(fake_server.url, "predict", "m", [1.0]).outputs == {}
    assert fake_server.methods == ["GetModelMetadata", "Predict", "Predict"]


@pytest.mark.parametrize(("pushback", "seconds"), [(2500, 3), (int("9" * 400), 1), (None, 1)])
def test_the_error_says_when_to_try_again(
    ask: Ask, fake_server: FakeServer, pushback: int | None, seconds: int
) -> None:
    fake_server.answer, fake_server.pushback = lambda request: BUSY, pushback
    with pytest.raises(Unavailable, match="^draining$") as raised:
        ask(fake_server.url, "status", "m", options={"retries": 0})
    assert raised.value.retry_after == seconds


def test_a_server_that_forbids_to_try_again_is_obeyed(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.pushback = -1
    fake_server.answer = lambda request: described(x=1) if "Metadata" in request.method else BUSY
    with pytest.raises(Unavailable, match="^draining$"):
        ask(fake_server.url, "predict", "m", [1.0])
    assert fake_server.methods == ["GetModelMetadata", "Predict"]


def test_a_connection_that_breaks_is_reported(ask: Ask, closing: str) -> None:
    with pytest.raises(Unavailable, match="broke before the answer"):
        ask(closing, "status", "m", options={"retries": 0})


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL, grpc.StatusCode.ABORTED])
def test_other_refusals_are_not_sent_again(ask: Ask, fake_server: FakeServer, code: grpc.StatusCode) -> None:
    fake_server.answer = lambda request: (code, "no")
    with pytest.raises(LightshipError, match="^no$") as raised:
        ask(fake_server.url, "status", "dog")
    assert int(raised.value.code) == code.value[0]
    assert len(fake_server.received) == 1


def test_an_answer_that_does_not_come_ends_at_the_deadline(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"grpc://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
            ask(url, "status", "dog", options={"timeout": 0.2})


def test_a_deadline_that_the_server_keeps_has_its_words(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: (grpc.StatusCode.DEADLINE_EXCEEDED, "Timed out waiting for notification")
    with pytest.raises(DeadlineExceeded, match="^Timed out waiting for notification$"):
        ask(fake_server.url, "status", "dog")


def test_an_answer_that_is_none_is_reported(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: b"\xff\xff"
    with pytest.raises(
        Unknown, match="GetModelStatusResponse, so this is probably not a model server: check the address"
    ):
        ask(fake_server.url, "status", "dog")


def test_headers_are_sent_as_metadata(ask: Ask, fake_server: FakeServer) -> None:
    ask(fake_server.url, "status", "dog", options={"headers": {"Authorization": "Bearer x"}})
    assert fake_server.received[0].metadata["authorization"] == "Bearer x"
    assert fake_server.received[0].metadata["user-agent"].startswith("lightship/")


@pytest.mark.parametrize("headers", [{"a b": "x"}, {"a": "x\ny"}, {"a": "\u00fc"}, {"grpc-timeout": "1S"}])
def test_headers_that_cannot_be_sent_are_named(ask: Ask, fake_server: FakeServer, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(headers))):
        ask(fake_server.url, "status", "dog", options={"headers": headers})


def test_the_metadata_of_an_older_version_is_asked_for_again(ask: Ask, fake_server: FakeServer) -> None:
    """From version 2 on the input is of whole numbers."""
    from lightship import Client

    version = 1

    def answer(request: ReceivedRequest) -> bytes | tuple[grpc.StatusCode, str]:
        if "Metadata" in request.method:
            return described(version, x=version)  # DT_FLOAT, later DT_DOUBLE
        if request.read(protos.PredictRequest).inputs["x"].dtype != version:
            return grpc.StatusCode.INVALID_ARGUMENT, "another dtype"
        return bytes(protos.PredictResponse().SerializeToString())

    fake_server.answer = answer
    with Client(fake_server.url) as client:
        client.predict("m", [1.0])
        version = 2
        client.predict("m", [1.0])
        client.predict("m", [1.0])
        version = 3
        with pytest.raises(InvalidArgument, match="int32"):
            client.predict("m", [1.5])
    kinds = ["GetModelMetadata", "Predict"]
    assert fake_server.methods == [*kinds, "Predict", *kinds, "Predict", "Predict", "GetModelMetadata"]


def test_readiness_is_reported_without_an_error(ask: Ask, fake_server: FakeServer) -> None:
    for said, ready, live in (
        (protos.HealthCheckResponse(status=1).SerializeToString(), True, True),
        (protos.HealthCheckResponse(status=2).SerializeToString(), False, True),
        ((grpc.StatusCode.UNIMPLEMENTED, "no such service"), True, True),
        ((grpc.StatusCode.UNAVAILABLE, "away"), False, False),
        ((grpc.StatusCode.PERMISSION_DENIED, "no"), False, True),
    ):
        fake_server.answer = lambda request, said=said: said  # type: ignore[misc]
        assert (ask(fake_server.url, "ready"), ask(fake_server.url, "live")) == (ready, live)


def test_tensorflow_serving_does_not_list_its_models(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: (grpc.StatusCode.UNIMPLEMENTED, "")
    with pytest.raises(LightshipError, match=r"use status\(model\)"):
        ask(fake_server.url, "models")


def test_a_model_that_is_not_there_is_not_asked_to_predict(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lambda request: (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(m)")
    with pytest.raises(NotFound, match=r"Latest\(m\)"):
        ask(fake_server.url, "predict", "m", [1.0])
    assert fake_server.methods == ["GetModelMetadata"]
