"""Makes the bytes of requests, and finds out by sending each twice whether answers can be compared."""

from __future__ import annotations

import base64
import socket
from dataclasses import dataclass, replace
from typing import Any, Literal

from lightship import __version__, protos
from lightship.bench.answers import read_answer, same
from lightship.bench.endpoint import ConnectionFactory, Endpoint
from lightship.bench.exchange import Exchange, InvalidResponse
from lightship.bench.payload import Arrays, Payload
from lightship.bench.served import Served
from lightship.client.grpc import tensors as grpc_tensors
from lightship.client.rest import tensors as rest_tensors
from lightship.client.rest.binary import binary_request
from lightship.client.rest.exchange import HttpRequest
from lightship.client.rest.paths import model_path
from lightship.client.target import Target
from lightship.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, Unavailable
from lightship.tensors.tensor_writing import write_tensor

Encoding = Literal["list", "binary"]
_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_MAX_COMPARED = 1 << 24  # bytes of answers that every process of load holds
_SHOWN = 300  # characters of an answer in an error


@dataclass(frozen=True, slots=True)
class Prepared:
    """Requests that were answered well."""

    endpoint: Endpoint

    compared: bool
    """Whether wrong answers are noticed: the same request was answered twice in the same way."""

    size: int
    """Bytes of the first request, as it is sent."""


def prepare(served: Served, payload: Payload, encoding: Encoding, timeout: float) -> Prepared:
    """Makes the requests, and asks the server each of them twice.

    encoding: "list" is JSON, and typed fields over gRPC. "binary" is `tensor_content` over gRPC, and numpy files over
        REST, which only Lightship takes.
    Raises InvalidArgument for inputs that cannot be sent so, and FailedPrecondition, Unavailable or DeadlineExceeded if
    the server does not answer well.
    """
    if served.grpc:
        messages = [_message(served, payload, inputs, encoding) for inputs in payload.inputs]
        headers = [
            (":method", "POST"),
            (":scheme", "https" if served.tls else "http"),
            (":path", _PREDICT),
            (":authority", served.authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", f"lightship-bench/{__version__}"),
        ]
        endpoint = Endpoint(served.family, served.socket_address, messages, headers, tls=served.tls)
    else:
        requests = [_http(served, _rest_request(served, payload, inputs, encoding)) for inputs in payload.inputs]
        endpoint = Endpoint(served.family, served.socket_address, requests, tls=served.tls)
    return _tried(endpoint, served.name, timeout)


def prepare_document(served: Served, body: bytes, timeout: float) -> Prepared:
    """As `prepare`, for the user's own JSON document."""
    if served.grpc:
        raise InvalidArgument("a JSON document cannot be sent over gRPC: give a .npz file, or an http:// address")
    request = _http(served, HttpRequest("POST", _path(served), body))
    return _tried(Endpoint(served.family, served.socket_address, [request], tls=served.tls), served.name, timeout)


def _path(served: Served) -> str:
    return f"{model_path(Target(served.model, served.address.version, served.address.label))}:predict"


def _rest_request(served: Served, payload: Payload, inputs: Arrays, encoding: Encoding) -> HttpRequest:
    path, signature = _path(served), payload.signature
    if encoding == "binary":
        return binary_request(path, inputs, signature, served.metadata)
    if len(inputs) == 1:
        only = next(iter(inputs.values()))
        return HttpRequest("POST", path, rest_tensors.encode_rows(rest_tensors.plain(only, "the input"), signature))
    return HttpRequest("POST", path, rest_tensors.encode_columns(inputs, signature))


def _http(served: Served, request: HttpRequest) -> bytes:
    base = served.address.base.partition("://")[2].partition("/")[2]  # the path of a proxy
    headers = {
        "Host": served.authority,
        "User-Agent": f"lightship-bench/{__version__}",
        "Accept": "*/*",
        **request.all_headers,
        "Content-Length": str(len(request.body)),
    }
    if served.credentials is not None:
        headers["Authorization"] = f"Basic {base64.b64encode(served.credentials.encode()).decode()}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    path = f"/{base.rstrip('/')}{request.path}" if base else request.path
    return f"{request.method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + request.body


def _message(served: Served, payload: Payload, inputs: Arrays, encoding: Encoding) -> bytes:
    message: Any = protos.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = served.model, payload.signature
    if served.address.version is not None:
        message.model_spec.version.value = served.address.version
    elif served.address.label:
        message.model_spec.version_label = served.address.label
    for name, array in inputs.items():
        if encoding == "binary":
            grpc_tensors.write(message.inputs[name], array, name)
        else:
            write_tensor(message.inputs[name], array)
    text: bytes = message.SerializeToString()
    return b"\0" + len(text).to_bytes(4, "big") + text


def _tried(endpoint: Endpoint, name: str, timeout: float) -> Prepared:
    first, second = _answers(endpoint, name, timeout), _answers(endpoint, name, timeout)
    read = [read_answer(body) for body in first]
    if any(one is None for one in read):
        raise FailedPrecondition(f"{name} answered with something that is not a prediction: {_shown(first[0])}")
    compared = sum(map(len, first)) <= _MAX_COMPARED and all(
        same(read_answer(again), one) for again, one in zip(second, read, strict=True)
    )
    size = len(endpoint.requests[0])
    return Prepared(replace(endpoint, expected=first) if compared else endpoint, compared, size)


def _answers(endpoint: Endpoint, name: str, timeout: float) -> list[bytes]:
    """Sends each request on a connection of its own."""
    factory = endpoint.connections()
    try:
        return [_asked(factory, number, name, timeout) for number in range(factory.count)]
    except TimeoutError as error:
        raise DeadlineExceeded(f"{name} did not answer a request within {timeout:g} seconds (--timeout)") from error
    except InvalidResponse as error:
        raise Unavailable(f"{name} does not speak the address's protocol: {error}") from error
    except OSError as error:
        raise Unavailable(f"{name} cannot be reached: {error}") from error


def _asked(factory: ConnectionFactory, number: int, name: str, timeout: float) -> bytes:
    with socket.socket(factory.endpoint.family, socket.SOCK_STREAM) as plain:
        plain.settimeout(timeout)
        plain.connect(factory.endpoint.address)
        with factory.secured(plain) as connection:
            exchange = factory.exchange()
            connection.settimeout(timeout)
            connection.sendall(exchange.opening())
            return _answer(connection, exchange, number, name)


def _answer(connection: socket.socket, exchange: Exchange, number: int, name: str) -> bytes:
    begun = exchange.ready
    if begun:
        connection.sendall(exchange.begin(number))
    while not (begun and exchange.done):
        data = connection.recv(1 << 18)
        if not data:
            exchange.end()
            if begun and exchange.done:
                break
            raise Unavailable(f"{name} closed the connection instead of answering")
        connection.sendall(exchange.receive(data))
        if not begun and exchange.ready:
            begun = True
            connection.sendall(exchange.begin(number))
    if exchange.error:
        raise FailedPrecondition(f"{name} refused the first request with {exchange.error}: {_shown(exchange.reason)}")
    return exchange.body


def _shown(body: bytes) -> str:
    return " ".join(body[:_SHOWN].decode(errors="replace").split()) or "an empty answer"
