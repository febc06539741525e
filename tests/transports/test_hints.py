"""Hints on the wire: a header and trailing metadata beside bodies and texts that stay TensorFlow Serving's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import grpc
import httpx2
import numpy as np
import pytest

import lightship
from lightship import Client, protos
from lightship.engines import EngineOptions
from lightship.errors import LightshipError
from lightship.server import Server

HINT = "did you mean 'half'? Served models: half, other"


class Told(NamedTuple):
    code: object
    text: str
    hint: str | None


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    models = [f"half={half_plus_two}", f"other={half_plus_two}"]
    with lightship.serve(*models, rest_port="auto", grpc_port="auto") as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def plain(half_plus_two: Path) -> Iterator[Server]:
    """A server that answers as TensorFlow Serving does."""
    models = [f"half={half_plus_two}", f"other={half_plus_two}"]
    with lightship.serve(*models, rest_port="auto", grpc_port="auto", extensions=False) as running:
        assert running.wait_ready(60)
        yield running


def over_rest(server: Server, path: str, body: object = None) -> Told:
    method = "GET" if body is None else "POST"
    answer = httpx2.request(method, f"{server.rest_url}/v1/models/{path}", json=body, timeout=60)
    return Told(answer.status_code, answer.json()["error"], answer.headers.get("Lightship-Hint"))


def over_grpc(server: Server, **spec: Any) -> Told:
    request = protos.PredictRequest()
    for name, value in spec.items():
        if name == "version":
            request.model_spec.version.value = value
        elif name != "inputs":
            setattr(request.model_spec, name, value)
    inputs = spec.get("inputs", {"x": ((1, 1), protos.TensorProto(dtype=1, float_val=[1.0]))})
    for name, (shape, tensor) in inputs.items():
        request.inputs[name].CopyFrom(tensor)
        for size in shape:
            request.inputs[name].tensor_shape.dim.add(size=size)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError) as caught:
            stub(request.SerializeToString(), timeout=60)
    error: Any = caught.value
    return Told(error.code().name, error.details(), dict(error.trailing_metadata() or ()).get("lightship-hint"))


ONE = {"instances": [[1.0]]}
MISSING = [
    ("halv:predict", ONE, 404, "Servable not found for request: Latest(halv)", HINT),
    ("halv/versions/3:predict", ONE, 404, "Servable not found for request: Specific(halv, 3)", HINT),
    ("halv", None, 404, "Could not find any versions of model halv", HINT),
    ("halv/metadata", None, 404, "Servable not found for request: Latest(halv)", HINT),
    ("halv:classify", {"examples": [{"x": 1.0}]}, 404, "Servable not found for request: Latest(halv)", HINT),
    (
        "half/versions/3:predict",
        ONE,
        404,
        "Servable not found for request: Specific(half, 3)",
        "Loaded versions of 'half': 123",
    ),
    ("half/labels/x:predict", ONE, 400, "Unrecognized servable version label: x", "Labels of 'half': none"),
    (
        "half:predict",
        {"instances": [[1.0]], "signature_name": "serving_defualt"},
        400,
        'Serving signature name: "serving_defualt" not found in signature def',
        "did you mean 'serving_default'? Signatures: ",
    ),
    (
        "half:predict",
        {"inputs": {"X": [[1.0]]}},
        400,
        "Missing named input: x in 'inputs' object.",
        "did you mean 'x'? Inputs: x",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "text", "hint"), MISSING)
def test_what_rest_does_not_find_has_a_hint_beside_the_text(
    server: Server, plain: Server, path: str, body: object, status: int, text: str, hint: str
) -> None:
    told = over_rest(server, path, body)
    assert (told.code, told.text) == (status, text)
    assert told.hint is not None
    assert told.hint.startswith(hint)
    assert over_rest(plain, path, body) == (status, text, None)


@pytest.mark.parametrize(
    ("spec", "code", "text", "hint"),
    [
        ({"name": "halv"}, "NOT_FOUND", "Servable not found for request: Latest(halv)", HINT),
        ({"name": "halv", "version": 3}, "NOT_FOUND", "Servable not found for request: Specific(halv, 3)", HINT),
        (
            {"name": "half", "version": 3},
            "NOT_FOUND",
            "Servable not found for request: Specific(half, 3)",
            "Loaded versions of 'half': 123",
        ),
        (
            {"name": "half", "version_label": "x"},
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: x",
            "Labels of 'half': none",
        ),
        (
            {"name": "half", "signature_name": "serving_defualt"},
            "FAILED_PRECONDITION",
            'Serving signature key "serving_defualt" not found.',
            "did you mean 'serving_default'? Signatures: ",
        ),
        (
            {"name": "half", "inputs": {"x": ((1,), protos.TensorProto(dtype=7, string_val=[b"a"]))}},
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but string is provided",
            "input 'x' takes float, not string",
        ),
    ],
)
def test_what_grpc_does_not_find_has_a_hint_beside_the_text(
    server: Server, plain: Server, spec: dict[str, Any], code: str, text: str, hint: str
) -> None:
    told = over_grpc(server, **spec)
    assert (told.code, told.text) == (code, text)
    assert told.hint is not None
    assert told.hint.startswith(hint)
    assert over_grpc(plain, **spec) == (code, text, None)


def test_answers_have_no_hint(server: Server) -> None:
    answer = httpx2.post(f"{server.rest_url}/v1/models/half:predict", json=ONE, timeout=60)
    assert "Lightship-Hint" not in answer.headers


def test_the_clients_add_the_hint_to_their_message(server: Server, plain: Server) -> None:
    text = "Servable not found for request: Latest(halv)"
    for running, expected in ((server, f"{text} ({HINT})"), (plain, text)):
        for url in (running.rest_url, f"grpc://127.0.0.1:{running.grpc_port}"):
            with Client(url) as client, pytest.raises(LightshipError) as caught:
                client.predict("halv", np.ones((1, 1), np.float32))
            assert caught.value.message == expected


EXPECTED = 'input "x" has shape [1, 5], but [?, 4] is expected'


# What is said of it by TensorFlow, and by OpenVINO.
BY_TENSORFLOW, BY_OPENVINO = "Matrix size-incompatible: In[0]: [1,5], In[1]: [4,2]", "(Incompatible MatMul"


@pytest.mark.parametrize(
    ("engine", "text", "of_tensorflow_serving"),
    [
        pytest.param("tensorflow", BY_TENSORFLOW, BY_TENSORFLOW, marks=pytest.mark.tensorflow),
        pytest.param("auto", BY_OPENVINO, BY_TENSORFLOW, marks=pytest.mark.tensorflow),
        ("openvino", BY_OPENVINO, EXPECTED),
    ],
)
def test_a_wrong_shape_says_in_the_body_which_was_expected(
    saved_models: Path, engine: Literal["auto", "tensorflow", "openvino"], text: str, of_tensorflow_serving: str
) -> None:
    options: dict[str, Any] = {"rest_port": "auto", "grpc_port": "auto", "engine": EngineOptions(engine)}
    row = [1.0, 2.0, 3.0, 4.0, 5.0]
    inputs = {"x": ((1, 5), protos.TensorProto(dtype=1, float_val=row))}
    for extensions in (True, False):
        with lightship.serve(saved_models / "odd", **options, extensions=extensions) as running:
            assert running.wait_ready(120)
            body = {"signature_name": "dense", "instances": [row]}
            rest = over_rest(running, "odd:predict", body)
            grpc_told = over_grpc(running, name="odd", signature_name="dense", inputs=inputs)
        assert (rest.code, grpc_told.code) == (400, "INVALID_ARGUMENT")
        for told in (rest, grpc_told):
            assert told.hint is None
            assert told.text.startswith(EXPECTED if extensions else of_tensorflow_serving)
            assert not extensions or text in told.text


def test_a_client_cannot_put_anything_into_the_header(server: Server) -> None:
    told = over_rest(server, "x%0d%0aSet-Cookie%3A%20a=b:predict", ONE)
    assert told.hint == "Served models: half, other"
    assert told.code == 404
