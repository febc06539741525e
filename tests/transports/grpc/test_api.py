"""The calls by themselves, without a channel: what a server's shell hands in and gets out."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from google.protobuf.message import EncodeError
from tests.transports.grpc.conftest import Ask, Refused

from lightship import protos
from lightship.errors import Code
from lightship.memory_budget import MemoryBudget
from lightship.server import Server
from lightship.transports.grpc.api import GrpcApi, UnaryJob
from lightship.transports.grpc.call import Answer, Call, cut
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.metrics.metrics import Metrics

PREDICT = "/tensorflow.serving.PredictionService/Predict"
LATE = "Timed out waiting for notification"


def request(model: str = "half") -> bytes:
    message = protos.PredictRequest()
    message.model_spec.name = model
    message.inputs["x"].dtype = 1
    message.inputs["x"].float_val.append(2.0)
    return message.SerializeToString()


@pytest.fixture
def metrics(server: Server) -> Metrics:
    return Metrics(server.manager.models)


@pytest.fixture
def api(server: Server, metrics: Metrics) -> GrpcApi:
    return GrpcApi(GrpcContext(server.manager, lambda models, cancelled: None), metrics)


def test_bytes_go_in_and_bytes_come_out(api: GrpcApi) -> None:
    answer = api.answer(PREDICT, request(), Call())
    assert answer.code is Code.OK
    assert list(protos.PredictResponse.FromString(answer.body).outputs["y"].float_val) == [3.0]


@pytest.mark.parametrize("values", [[], [1.0]])
def test_a_short_message_that_declares_a_large_tensor_is_not_filled_on_the_event_loop(
    api: GrpcApi, values: list[float]
) -> None:
    message = protos.PredictRequest()
    message.model_spec.name = "half"
    message.inputs["x"].dtype = 1
    message.inputs["x"].tensor_shape.dim.add(size=1 << 24)
    message.inputs["x"].float_val.extend(values)
    budget = MemoryBudget(1 << 20)
    job = api.start(api.methods[PREDICT], message.SerializeToString(), Call(memory=budget.reservation()))
    assert isinstance(job, UnaryJob)
    assert job.large
    answer = job.run()  # on a thread, and within the memory budget
    assert isinstance(answer, Answer)
    assert answer.code is Code.RESOURCE_EXHAUSTED


def test_a_status_comes_out_instead(api: GrpcApi) -> None:
    answer = api.answer(PREDICT, request("no"), Call())
    assert answer[:3] == (b"", Code.NOT_FOUND, "Servable not found for request: Latest(no)")


@pytest.mark.parametrize("name", ["/tensorflow.serving.SessionService/SessionRun", "", "/a"])
def test_an_unknown_method_is_unimplemented(api: GrpcApi, name: str) -> None:
    assert api.answer(name, b"", Call()).code is Code.UNIMPLEMENTED


def test_a_deadline_that_has_passed_is_said(api: GrpcApi) -> None:
    answer = api.answer(PREDICT, request(), Call(deadline=time.monotonic() - 1))
    assert answer[:3] == (b"", Code.DEADLINE_EXCEEDED, LATE)


def test_a_call_that_was_cancelled_is_not_run(api: GrpcApi) -> None:
    assert api.answer(PREDICT, request(), Call(cancelled=lambda: True)).code is Code.CANCELLED


def test_a_reload_ends_with_its_call(server: Server) -> None:
    gone = threading.Event()

    def reload(models: Any, cancelled: Any) -> None:
        gone.set()
        assert cancelled()

    hooks: list[Any] = []
    api = GrpcApi(GrpcContext(server.manager, reload, reload_root=Path("/")), Metrics(server.manager.models))
    message = protos.ReloadConfigRequest()
    message.config.model_config_list.SetInParent()
    call = Call(cancelled=gone.is_set, on_end=hooks.append)
    answer = api.answer("/tensorflow.serving.ModelService/HandleReloadConfigRequest", message.SerializeToString(), call)
    assert answer.code is Code.OK
    assert server.manager.wake in hooks


def test_what_nobody_expected_is_internal_and_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def broken(models: Any, cancelled: Any) -> None:
        raise ZeroDivisionError("secret")

    api = GrpcApi(GrpcContext(server.manager, broken, reload_root=Path("/")), Metrics(server.manager.models))
    message = protos.ReloadConfigRequest()
    message.config.model_config_list.SetInParent()
    name = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
    answer = api.answer(name, message.SerializeToString(), Call())
    assert answer.code is Code.INTERNAL
    assert "secret" not in answer.message
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EncodeError("too large"), "the answer is larger than 2 GiB, the limit of a protobuf message: send fewer rows"),
        (MemoryError(), "there is not enough memory for this request: send a smaller one, or try again later"),
    ],
)
def test_what_is_too_large_is_told_as_such(server: Server, error: Exception, text: str) -> None:
    def large(models: Any, cancelled: Any) -> None:
        raise error

    api = GrpcApi(GrpcContext(server.manager, large, reload_root=Path("/")), Metrics(server.manager.models))
    message = protos.ReloadConfigRequest()
    message.config.model_config_list.SetInParent()
    name = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
    assert api.answer(name, message.SerializeToString(), Call())[:3] == (b"", Code.RESOURCE_EXHAUSTED, text)


def test_predict_classify_and_regress_are_counted(api: GrpcApi, metrics: Metrics) -> None:
    api.answer(PREDICT, request(), Call())
    api.answer(PREDICT, request("no"), Call())
    api.answer(PREDICT, b"\xff", Call())
    for method in ("MultiInference", "GetModelMetadata"):
        api.answer(f"/tensorflow.serving.PredictionService/{method}", b"", Call())
    count, latency = metrics.families()
    assert count.samples == [
        ':tensorflow:serving:request_count{model_name="",status="INTERNAL"} 1',
        ':tensorflow:serving:request_count{model_name="half",status="OK"} 1',
        ':tensorflow:serving:request_count{model_name="no",status="NOT_FOUND"} 1',
    ]
    assert latency.samples[-1].endswith('_count{model_name="half",API="Predict",entrypoint="GRPC"} 1')


@pytest.mark.tensorflow
def test_the_page_of_metrics_has_them_under_their_entrypoint(server: Server, ask: Ask, refused: Refused) -> None:
    ask("Predict", _identity())
    refused("Classify", 'model_spec { name: "identity" }')
    page = httpx2.get(f"{server.rest_url}/metrics").text
    assert ':tensorflow:serving:request_count{model_name="identity",status="OK"} 1\n' in page
    assert ':tensorflow:serving:request_count{model_name="identity",status="INVALID_ARGUMENT"} 1\n' in page
    assert 'request_latency_count{model_name="identity",API="Predict",entrypoint="GRPC"} 1\n' in page


def _identity() -> Any:
    message = protos.PredictRequest.FromString(request("identity"))
    message.model_spec.signature_name = "float"
    return message


def test_calls_that_are_opened_and_never_sent_hold_nobody_up(channel: grpc.Channel, ask: Ask) -> None:
    ended = threading.Event()

    def nothing() -> Any:
        ended.wait(60)
        yield from ()

    pending = [channel.stream_unary(PREDICT).future(nothing(), timeout=60) for _ in range(64)]
    try:
        answer = ask("Predict", protos.PredictRequest.FromString(request()), timeout=60)
        assert list(answer.outputs["y"].float_val) == [3.0]
    finally:
        for one in pending:
            one.cancel()
        ended.set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 1024, "a" * 1024),
        ("a" * 1025, "a" * 1024 + "...TRUNCATED"),
        ("a" * 1023 + "é", "a" * 1023 + "...TRUNCATED"),
        ("\ud800", "?"),
    ],
)
def test_texts_are_cut_at_whole_characters(text: str, expected: str) -> None:
    assert cut(text) == expected
