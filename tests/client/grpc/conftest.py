"""A real gRPC server that answers what a test tells it, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from lightship import protos


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    body: bytes
    metadata: dict[str, str]

    def read(self, kind: Any) -> Any:
        return kind.FromString(self.body)


@dataclass(slots=True)
class Scripted(grpc.GenericRpcHandler):
    """`answer`: the bytes for a call, or a status and a text."""

    url: str = ""
    answer: Callable[[Asked], bytes | tuple[grpc.StatusCode, str]] = lambda asked: b""
    asked: list[Asked] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        return [asked.method.rpartition("/")[2] for asked in self.asked]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        def respond(body: bytes, context: grpc.ServicerContext) -> bytes:
            metadata = {key: str(value) for key, value in context.invocation_metadata()}
            self.asked.append(Asked(handler_call_details.method, body, metadata))
            said = self.answer(self.asked[-1])
            return said if isinstance(said, bytes) else context.abort(*said)

        return grpc.unary_unary_rpc_method_handler(respond)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(4), handlers=[script], options=options)
    script.url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield script
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
