"""The client and the real server, over REST and over gRPC; and behind what answers as TensorFlow Serving does."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from tests.client.conftest import Ask, FakeServer, ReceivedRequest, Reply

import lightship
from lightship.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from lightship.lifecycle.model_config import ModelConfig
from lightship.server import Server, ServerOptions


@pytest.fixture(scope="module")
def serving(dog_bundle: Path, half_plus_two: Path) -> Iterator[Server]:
    with lightship.serve(dog_bundle, half_plus_two, rest_port="auto", grpc_port="auto") as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def serving_labels(half_plus_two: Path) -> Iterator[Server]:
    model = ModelConfig("half", half_plus_two, labels={"stable": 123})
    with Server(ServerOptions([model], rest_port="auto", grpc_port="auto")) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(params=["rest", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def url_of(running: Server, transport: str) -> str:
    return running.rest_url if transport == "rest" else f"grpc://127.0.0.1:{running.grpc_port}"


@pytest.fixture
def server(serving: Server, transport: str) -> str:
    return url_of(serving, transport)


@pytest.fixture
def labelled(serving_labels: Server, transport: str) -> str:
    return url_of(serving_labels, transport)


@pytest.fixture
def tensorflow_serving(fake_server: FakeServer, serving: Server) -> FakeServer:
    """Lightship's answers without what TensorFlow Serving does not have: versions in headers, queries, image bodies."""

    def answer(request: ReceivedRequest) -> Reply:
        if not re.fullmatch(r"/v1/models/\w+(:predict|/metadata)?", request.path):
            return Reply(400, {"error": f"Malformed request: {request.method} {request.path}"})
        if request.method == "POST" and not request.body.startswith(b"{"):
            return Reply(400, {"error": "JSON Parse error: Invalid value. at offset: 0"})
        answered = httpx2.request(request.method, serving.rest_url + request.path, content=request.body, timeout=60)
        return Reply(answered.status_code, answered.content)

    fake_server.answer = answer
    return fake_server


def without_image_bytes(served: FakeServer) -> None:
    """As a model is that was not exported by Lightship."""
    whole = served.answer

    def answer(request: ReceivedRequest) -> Reply | None:
        reply = whole(request)
        if request.path.endswith("/metadata") and reply is not None:
            document = json.loads(reply.encoded())
            document["metadata"]["signature_def"]["signature_def"].pop("image_bytes")
            return Reply(body=document)
        return reply

    served.answer = answer


def test_a_photo_is_named_however_it_is_given(ask: Ask, server: str, dog_photo: Path) -> None:
    image = Image.open(dog_photo)
    photos: list[Any] = [dog_photo, str(dog_photo), dog_photo.read_bytes(), image, np.asarray(image)]
    for photo in photos:
        answer = ask(server, "classify_image", "dog", photo, top=2)
        assert (answer.label, answer.version, len(answer.scores)) == ("bull_mastiff", 1, 2)
        assert answer.score == pytest.approx(0.997, abs=0.001)


def test_many_photos_in_one_call_get_the_answers_of_single_calls(ask: Ask, server: str, photos: list[Path]) -> None:
    single = [ask(server, "classify_image", "dog", photo, top=2) for photo in photos[:5]]
    together = ask(server, "classify_images", "dog", photos[:5], top=2)
    assert [one.labels for one in together] == [one.labels for one in single]
    for one, other in zip(together, single, strict=True):
        assert one.scores == pytest.approx(other.scores, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("timeout", [math.inf, 1e10])
def test_a_timeout_without_an_end_is_no_limit(ask: Ask, server: str, timeout: float) -> None:
    (status,) = ask(server, "status", "dog", options={"timeout": timeout})
    assert status.state == "AVAILABLE"


def test_tensors_come_back_named_and_typed(ask: Ask, server: str) -> None:
    answer = ask(server, "predict", "half_plus_two", np.array([[1.0], [2.0]], np.float32))
    assert (answer.model, answer.version, list(answer.outputs)) == ("half_plus_two", 123, ["y"])
    assert answer["y"].dtype == np.float32
    np.testing.assert_array_equal(answer["y"], [[2.5], [3.0]])


def test_named_inputs_and_a_version_can_be_given(ask: Ask, server: str) -> None:
    answer = ask(server, "predict", "half_plus_two", {"x": [[np.inf], [4]]}, version=123)
    np.testing.assert_array_equal(answer["y"], [[np.inf], [4.0]])


def test_examples_are_classified(ask: Ask, server: str) -> None:
    examples = [{"x": 2.0}, {"x": np.float32(80)}]
    first, second = ask(server, "classify", "half_plus_two", examples, signature="classify_x_to_y")
    assert ([(one.label, one.score) for one in first], second) == ([("", 3.0)], [("", 42.0)])


def test_examples_are_regressed_with_a_context(ask: Ask, server: str) -> None:
    examples: list[Any] = [{}, {"x": [2.0]}]
    values = ask(
        server, "regress", "half_plus_two", examples, context={"x": 80.0}, signature="regress_x_to_y", version=123
    )
    assert (values.dtype, values.tolist()) == (np.float32, [42.0, 3.0])


def test_photos_are_classified_as_examples(ask: Ask, server: str, dog_photo: Path) -> None:
    (classes,) = ask(server, "classify", "dog", [{"image/encoded": dog_photo.read_bytes()}])
    assert (classes[0].label, len(classes)) == ("bull_mastiff", 19)


@pytest.mark.tensorflow
def test_a_label_finds_its_version_in_every_call(ask: Ask, labelled: str) -> None:
    example = [{"x": 2.0}]
    named = {"label": "stable"}
    assert ask(labelled, "predict", "half", [[2.0]], **named)["y"].tolist() == [[3.0]]
    assert ask(labelled, "classify", "half", example, signature="classify_x_to_y", **named) == [[("", 3.0)]]
    assert ask(labelled, "regress", "half", example, signature="regress_x_to_y", **named).tolist() == [3.0]
    assert [status.version for status in ask(labelled, "status", "half", **named)] == [123]
    assert ask(labelled, "metadata", "half", **named).version == 123
    with pytest.raises(InvalidArgument, match="Unrecognized servable version label: no"):
        ask(labelled, "classify", "half", example, label="no")


EMPTY = {"rest": "'examples' value is an empty array", "grpc": "Input is empty"}


@pytest.mark.parametrize("method", ["classify", "regress"])
def test_refused_examples_have_the_servers_words(ask: Ask, server: str, method: str, transport: str) -> None:
    with pytest.raises(InvalidArgument, match="No signature was found with the name: no"):
        ask(server, method, "half_plus_two", [{"x": 2.0}], signature="no")
    with pytest.raises(InvalidArgument, match=EMPTY[transport]):
        ask(server, method, "half_plus_two", [], signature=f"{method}_x_to_y")
    with pytest.raises(InvalidArgument, match="expected type: float"):
        ask(server, method, "half_plus_two", [{"x": 2}], signature=f"{method}_x_to_y")


@pytest.mark.parametrize(
    ("keywords", "kind", "text"),
    [
        ({"model": "owl"}, NotFound, r"Servable not found for request: Latest\(owl\)"),
        ({"model": "half_plus_two", "version": 9}, NotFound, r"Specific\(half_plus_two, 9\)"),
        ({"model": "half_plus_two", "label": "no"}, InvalidArgument, "Unrecognized servable version label: no"),
    ],
)
def test_refusals_have_the_servers_words(
    ask: Ask, server: str, keywords: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        ask(server, "predict", inputs=[[1.0]], **keywords)


def test_a_signature_that_is_not_there_is_refused(ask: Ask, server: str, transport: str) -> None:
    """Each transport of TensorFlow Serving has a code and words of its own."""
    kind, text = {
        "rest": (InvalidArgument, '"no" not found in signature def'),
        "grpc": (FailedPrecondition, 'Serving signature key "no" not found.'),
    }[transport]
    with pytest.raises(kind, match=text):
        ask(server, "predict", "half_plus_two", {"x": [[1.0]]}, signature="no")


def test_what_is_no_input_is_refused(ask: Ask, server: str) -> None:
    with pytest.raises(InvalidArgument):
        ask(server, "predict", "half_plus_two", {"x": [[1.0]], "y": [[1.0]], "z": [1.0]}, signature="classify_x_to_y")
    with pytest.raises(InvalidArgument):
        ask(server, "predict", "half_plus_two", ["one"])


@pytest.mark.parametrize(("transport", "other"), [("rest", "grpc://"), ("grpc", "not the REST port")])
def test_the_port_of_the_other_transport_is_reported(ask: Ask, serving: Server, transport: str, other: str) -> None:
    ports = {"rest": f"http://127.0.0.1:{serving.grpc_port}", "grpc": f"grpc://127.0.0.1:{serving.rest_port}"}
    with pytest.raises(Unavailable, match=other):
        ask(ports[transport], "status", "dog", options={"retries": 0})


def test_models_status_and_metadata_are_typed(ask: Ask, server: str) -> None:
    assert {model.name for model in ask(server, "models")} == {"dog", "half_plus_two"}
    (version,) = ask(server, "status", "dog")
    assert (version.version, version.state, version.error_code) == (1, "AVAILABLE", "OK")
    metadata = ask(server, "metadata", "half_plus_two")
    x = metadata.signatures["serving_default"].inputs["x"]
    assert (metadata.version, x.dtype, x.shape) == (123, "DT_FLOAT", (-1, 1))
    assert (ask(server, "ready"), ask(server, "live")) == (True, True)


def test_tensorflow_serving_decodes_by_the_graph(ask: Ask, tensorflow_serving: FakeServer, dog_photo: Path) -> None:
    answer = ask(tensorflow_serving.url, "classify_image", "dog", dog_photo, top=3)
    assert (answer.label, answer.version, len(answer.labels)) == ("bull_mastiff", None, 3)
    assert answer.score == pytest.approx(0.997, abs=0.001)


@pytest.mark.parametrize("part", ["", "1"])
def test_the_client_preprocesses_by_the_bundle(
    ask: Ask, tensorflow_serving: FakeServer, dog_bundle: Path, dog_photo: Path, part: str
) -> None:
    without_image_bytes(tensorflow_serving)
    answer = ask(tensorflow_serving.url, "classify_image", "dog", dog_photo, options={"bundle": dog_bundle / part})
    assert (answer.label, len(answer.labels)) == ("bull_mastiff", 5)
    assert answer.score == pytest.approx(0.997, abs=0.001)


def test_without_bundle_or_spec_it_says_what_to_give(ask: Ask, tensorflow_serving: FakeServer, dog_photo: Path) -> None:
    without_image_bytes(tensorflow_serving)
    with pytest.raises(FailedPrecondition, match="bundle="):
        ask(tensorflow_serving.url, "classify_image", "dog", dog_photo)


def test_tensors_are_typed_there_too(ask: Ask, tensorflow_serving: FakeServer) -> None:
    answer = ask(tensorflow_serving.url, "predict", "half_plus_two", [[1.0]])
    assert (answer["y"].dtype, answer["y"].tolist(), answer.version) == (np.float32, [[2.5]], None)
