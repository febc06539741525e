"""A real gRPC server that sends the replies that a test chooses, and records the calls that it receives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from lightship import protos


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    method: str
    body: bytes
    metadata: dict[str, str]

    def read(self, kind: Any) -> Any:
        return kind.FromString(self.body)


@dataclass(slots=True)
class FakeServer(grpc.GenericRpcHandler):
    """`answer` gives the bytes of the response to a call, or a status and a message.

    `pushback` goes with each status: the milliseconds after which the call may come again.
    """

    url: str = ""
    answer: Callable[[ReceivedRequest], bytes | tuple[grpc.StatusCode, str]] = lambda request: b""
    pushback: int | None = None
    received: list[ReceivedRequest] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        return [request.method.rpartition("/")[2] for request in self.received]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        def respond(body: bytes, context: grpc.ServicerContext) -> bytes:
            metadata = {key: str(value) for key, value in context.invocation_metadata()}
            self.received.append(ReceivedRequest(handler_call_details.method, body, metadata))
            reply = self.answer(self.received[-1])
            if isinstance(reply, bytes):
                return reply
            if self.pushback is not None:
                context.set_trailing_metadata((("grpc-retry-pushback-ms", str(self.pushback)),))
            return context.abort(*reply)

        return grpc.unary_unary_rpc_method_handler(respond)


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    fake = FakeServer()
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(4), handlers=[fake], options=options)
    fake.url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield fake
    server.stop(0).wait()


def described(version: int = 1, **inputs: int) -> bytes:
    """The metadata of a model `m` with the signature serving_default, of inputs of these dtypes and an output y."""
    signatures = protos.SignatureDefMap()
    signature = signatures.signature_def["serving_default"]
    for name, dtype in inputs.items():
        signature.inputs[name].dtype = dtype
    signature.outputs["y"].dtype = 1
    response = protos.GetModelMetadataResponse()
    response.model_spec.name = "m"
    response.model_spec.version.value = version
    response.metadata["signature_def"].Pack(signatures)
    return bytes(response.SerializeToString())
