"""A server with TensorFlow Serving's batching whose runs can be made to wait, and those who ask it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import grpc
import httpx2
import numpy as np
from tests.batching.gated_engine import GatedEngine
from tests.server.grpc_process import PREDICT, eventually

from lightship import protos
from lightship.batching.tensorflow_serving import TensorFlowServingBatching
from lightship.errors import Code
from lightship.server import Server
from lightship.tensors.tensor_proto import input_array
from lightship.tensors.tensor_writing import write_tensor

# The HTTP status of each code.
STATUS = {
    Code.OK: 200,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.NOT_FOUND: 404,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
# Seconds for an answer. The first call of a signature may have to load TensorFlow.
PATIENCE = 300.0
_SERVICE = "/tensorflow.serving.PredictionService"


class Answer(NamedTuple):
    """What a call was answered: its status, and the outputs by name, or the text of the error."""

    # The HTTP status, or that of the gRPC code.
    status: int
    text: str
    outputs: Mapping[str, Any]

    @property
    def value(self) -> Any:
        """The only output. REST does not say its name."""
        assert self.status == 200, self.text
        (value,) = self.outputs.values()
        return value


Ask = Callable[..., Answer]


class Asking:
    """Asks a server over one transport. `at_once` makes calls on threads of their own."""

    def __init__(self, server: Server, transport: str) -> None:
        self._server, self._transport = server, transport
        self._threads = ThreadPoolExecutor(256)
        self._http = httpx2.Client(timeout=PATIENCE, limits=httpx2.Limits(max_connections=256))
        self._channel = grpc.insecure_channel(server.grpc_address)

    def predict(self, model: str, signature: str = "serving_default", dtype: Any = np.float32, **inputs: Any) -> Answer:
        if self._transport == "rest":
            return self.post(f"{model}:predict", {"signature_name": signature, "inputs": inputs})
        message = protos.PredictRequest()
        message.model_spec.name, message.model_spec.signature_name = model, signature
        for name, values in inputs.items():
            write_tensor(message.inputs[name], np.asarray(values, dtype), as_content=True)
        return self._called(PREDICT, message, protos.PredictResponse)

    def post(self, path: str, body: Any) -> Answer:
        """Posts to a path below /v1/models/."""
        response = self._http.post(f"{self._server.rest_url}/v1/models/{path}", content=json.dumps(body))
        document = response.json()
        outputs = document.get("outputs", document)
        return Answer(
            response.status_code, document.get("error", ""), outputs if isinstance(outputs, dict) else {"": outputs}
        )

    def examples(self, verb: str, model: str, signature: str, examples: Sequence[Mapping[str, float]]) -> Answer:
        """Classify or Regress. The output "" has the results as each transport gives them."""
        if self._transport == "rest":
            answer = self.post(f"{model}:{verb}", {"signature_name": signature, "examples": examples})
            return answer._replace(outputs={"": answer.outputs.get("results")})
        kind = {"classify": "Classification", "regress": "Regression"}[verb]
        message = protos.message(f"tensorflow.serving.{kind}Request")()
        message.model_spec.name, message.model_spec.signature_name = model, signature
        _add_examples(message, examples)
        return self._called(f"{_SERVICE}/{verb.title()}", message, protos.message(f"tensorflow.serving.{kind}Response"))

    def multi_inference(
        self, model: str, tasks: Sequence[tuple[str, str]], examples: Sequence[Mapping[str, float]]
    ) -> Answer:
        """MultiInference of (verb, signature) over gRPC. The output "" has the results."""
        message = protos.message("tensorflow.serving.MultiInferenceRequest")()
        for verb, signature in tasks:
            task = message.tasks.add(method_name=f"tensorflow/serving/{verb}")
            task.model_spec.name, task.model_spec.signature_name = model, signature
        _add_examples(message, examples)
        response = protos.message("tensorflow.serving.MultiInferenceResponse")
        return self._called(f"{_SERVICE}/MultiInference", message, response)

    def at_once(self, ask: Callable[..., Answer], *arguments: Any, **more: Any) -> Future[Answer]:
        return self._threads.submit(ask, *arguments, **more)

    def close(self) -> None:
        self._threads.shutdown()
        self._http.close()
        self._channel.close()

    def _called(self, method: str, message: Any, response: Any) -> Answer:
        try:
            data = self._channel.unary_unary(method)(message.SerializeToString(), timeout=PATIENCE)
        except grpc.RpcError as error:
            return Answer(STATUS[Code(error.code().value[0])], error.details() or "", {})
        answer = response.FromString(data)
        if hasattr(answer, "outputs"):
            return Answer(200, "", {name: input_array(name, one).tolist() for name, one in answer.outputs.items()})
        return Answer(200, "", {"": answer.results if hasattr(answer, "results") else answer.result})


def _add_examples(message: Any, examples: Sequence[Mapping[str, float]]) -> None:
    for features in examples:
        one = message.input.example_list.examples.add()
        for name, value in features.items():
            one.features.feature[name].float_list.value.append(value)


def scheduler_of(server: Server, model: str) -> TensorFlowServingBatching:
    with server.manager.handle(model) as handle:
        scheduler = handle.servable.scheduler
    assert isinstance(scheduler, TensorFlowServingBatching)
    return scheduler


def gated(server: Server, model: str) -> GatedEngine:
    """Lets a model's runs wait for a gate from now on, which is open at first."""
    scheduler = scheduler_of(server, model)
    if not isinstance(scheduler._engine, GatedEngine):
        scheduler._engine = GatedEngine(scheduler._engine)  # type: ignore[assignment]
    engine = scheduler._engine
    assert isinstance(engine, GatedEngine)
    return engine


def wait_for_calls(server: Server, model: str, count: int) -> None:
    """Waits until so many calls wait or run."""
    waiting = scheduler_of(server, model)._waiting
    assert eventually(lambda: len(waiting) == count), f"{len(waiting)} calls instead of {count}"
