"""One real server with several models for the folder's tests, and calls to it over a channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from lightship import protos
from lightship.engines.tensorflow import tensorflow_installed
from lightship.server import Server, serve

PREDICTION, MODELS = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
_METHODS = {
    "Predict": (PREDICTION, protos.PredictRequest, protos.PredictResponse),
    "Classify": (PREDICTION, protos.ClassificationRequest, protos.ClassificationResponse),
    "Regress": (PREDICTION, protos.RegressionRequest, protos.RegressionResponse),
    "MultiInference": (PREDICTION, protos.MultiInferenceRequest, protos.MultiInferenceResponse),
    "GetModelMetadata": (PREDICTION, protos.GetModelMetadataRequest, protos.GetModelMetadataResponse),
    "GetModelStatus": (MODELS, protos.GetModelStatusRequest, protos.GetModelStatusResponse),
    "HandleReloadConfigRequest": (MODELS, protos.ReloadConfigRequest, protos.ReloadConfigResponse),
    "Check": ("grpc.health.v1.Health", protos.HealthCheckRequest, protos.HealthCheckResponse),
}
Ask = Callable[..., Any]
Refused = Callable[..., tuple[str, str]]


def call(channel: grpc.Channel, method: str, request: Any, **options: Any) -> Any:
    """The answer to a request: a message, or the text of one."""
    service, kind, answer = _METHODS[method]
    if isinstance(request, str):
        request = text(request, kind)
    stub = channel.unary_unary(f"/{service}/{method}", kind.SerializeToString, answer.FromString)
    return stub(request, **{"timeout": 60} | options)


def refusal(channel: grpc.Channel, method: str, request: Any, **options: Any) -> tuple[str, str]:
    """Code and text of a call that is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, method, request, **options)
    return caught.value.code().name, caught.value.details()


def text(written: str, kind: Any) -> Any:
    from lightship.protos.text import parse_text

    return parse_text(written, kind)


@pytest.fixture(scope="session")
def folders(saved_models: Path) -> dict[str, Path]:
    """Model folders by name: `half`, `inference`, `sums`, `identity` and `numbers`."""
    names = ("inference", "sums", "identity", "numbers")
    return {"half": saved_models / "half_plus_two"} | {name: saved_models / name for name in names}


@pytest.fixture(scope="module")
def server(folders: dict[str, Path]) -> Iterator[Server]:
    """Without TensorFlow, `half` and `sums` alone: OpenVINO cannot run the others."""
    names = folders if tensorflow_installed() else ("half", "sums")
    models = [f"{name}={folders[name]}" for name in names]
    with serve(*models, rest_port="auto", grpc_port="auto") as running:
        assert running.wait_ready(120)
        yield running


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.grpc_address, options=options) as opened:
        yield opened


@pytest.fixture(scope="module")
def ask(channel: grpc.Channel) -> Ask:
    return lambda method, request, **options: call(channel, method, request, **options)


@pytest.fixture(scope="module")
def refused(channel: grpc.Channel) -> Refused:
    return lambda method, request, **options: refusal(channel, method, request, **options)
