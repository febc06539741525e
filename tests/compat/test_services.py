"""Stubs and servicers against each other, with and without asyncio; and as a type checker sees them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

import lightship
from lightship.compat import tensorflow as tf
from lightship.compat.tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc, predict_pb2
from lightship.compat.tensorflow_serving.apis import prediction_service_pb2_grpc as prediction


class Doubling(prediction.PredictionServiceServicer):
    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        doubled = tf.make_ndarray(request.inputs["x"]) * 2
        return predict_pb2.PredictResponse(outputs={"y": tf.make_tensor_proto(doubled)})


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server of another kind, made of our servicers."""
    server = grpc.server(ThreadPoolExecutor(2))
    prediction.add_PredictionServiceServicer_to_server(Doubling(), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(model_service_pb2_grpc.ModelServiceServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait(20)


def request() -> Any:
    return predict_pb2.PredictRequest(inputs={"x": tf.make_tensor_proto([1.0, 2.0])})


def test_a_servicer_answers_a_stub(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        answer = prediction.PredictionServiceStub(channel).Predict(request(), timeout=20)
    assert tf.make_ndarray(answer.outputs["y"]).tolist() == [2.0, 4.0]


def test_a_stub_takes_a_channel_of_asyncio(address: str) -> None:
    async def asked() -> Any:
        async with grpc.aio.insecure_channel(address) as channel:
            return await prediction.PredictionServiceStub(channel).Predict(request(), timeout=20)

    assert tf.make_ndarray(asyncio.run(asked()).outputs["y"]).tolist() == [2.0, 4.0]


def test_a_server_of_asyncio_takes_a_servicer() -> None:
    class Later(prediction.PredictionServiceServicer):
        async def Predict(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            return Doubling().Predict(request, None)  # type: ignore[arg-type]

    async def asked() -> Any:
        server = grpc.aio.server()
        prediction.add_PredictionServiceServicer_to_server(Later(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = await prediction.PredictionServiceStub(channel).Predict(request(), timeout=20)
        await server.stop(0)
        return answer

    assert tf.make_ndarray(asyncio.run(asked()).outputs["y"]).tolist() == [2.0, 4.0]


def test_what_a_servicer_leaves_out_is_unimplemented(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetModelStatus(get_model_status_pb2.GetModelStatusRequest(), timeout=20)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "Method not implemented!"


TYPED = """
import grpc
from lightship.compat import tensorflow as tf
from lightship.compat.tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

def ask(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> predict_pb2.PredictResponse:
    request: predict_pb2.PredictRequest = predict_pb2.PredictRequest()
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0], dtype=tf.float32))
    return stub.Predict(request, timeout=1.0)

ask(prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel("")))
"""


@pytest.mark.slow
def test_a_strict_type_checker_takes_code_that_uses_them(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "code.py"]
    environment = os.environ | {"MYPYPATH": str(Path(lightship.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout
