"""What any answer must be, whatever was asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from fuzz.answers import Wrong
from fuzz.grpc.methods import BY_PATH, RELOAD
from fuzz.grpc.tensors import FIELDS

SECONDS = 20.0
_MAX_TEXT = 1024 + len("...TRUNCATED")
_FINE = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
}
# Codes that are fine where the text begins or goes on so.
_KNOWN = {
    grpc.StatusCode.INTERNAL: "cannot be parsed",
    grpc.StatusCode.UNKNOWN: "did not become available",
    grpc.StatusCode.OUT_OF_RANGE: "",
}


@dataclass(frozen=True, slots=True)
class Call:
    path: str
    request: bytes


def ask(channel: grpc.Channel, call: Call) -> str:
    """Makes a call; the name of its code. Raises Wrong for an answer that no request may have."""
    reload = call.path == RELOAD.path
    try:
        answer = channel.unary_unary(call.path)(call.request, timeout=0.3 if reload else SECONDS)
    except grpc.RpcError as error:
        _check_refusal(error.code(), error.details() or "", reload)
        return str(error.code().name)
    message = BY_PATH[call.path].response.FromString(answer)
    for tensor in _tensors(message):
        check_tensor(tensor)
    return "OK"


def _check_refusal(code: grpc.StatusCode, text: str, reload: bool) -> None:
    if code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED) and reload:
        return
    if code not in _FINE and not (code in _KNOWN and _KNOWN[code] in text):
        raise Wrong(f"refused: {code.name} {text}")
    if len(text.encode()) > _MAX_TEXT:
        raise Wrong(f"long text: {code.name} {text}")
    if not text and code is not grpc.StatusCode.UNIMPLEMENTED:
        raise Wrong(f"no text: {code.name}")


def _tensors(message: Any) -> Iterator[Any]:
    if message.DESCRIPTOR.name == "PredictResponse":
        if not message.model_spec.name or not message.model_spec.signature_name:
            raise Wrong(f"no model: {message}")
        yield from message.outputs.values()


def check_tensor(tensor: Any) -> None:
    """Raises Wrong unless its typed values, and they alone, fill its shape."""
    field, _ = FIELDS.get(tensor.dtype, ("", 0))
    written = {name.name: value for name, value in tensor.ListFields()}
    count = math.prod(dim.size for dim in tensor.tensor_shape.dim) * (2 if "complex" in field else 1)
    if not field or "tensor_shape" not in written or len(written.get(field, ())) != count:
        raise Wrong(f"a tensor: {str(tensor)[:300]}")
    if set(written) - {"dtype", "tensor_shape", field}:
        raise Wrong(f"a tensor with more: {sorted(written)}")
