"""Tensors as bytes: to the real server, and never to one that takes JSON alone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from tests.client.conftest import Ask, FakeServer, ReceivedRequest, Reply

import lightship
from lightship import Client
from lightship.client.rest.binary import binary_request
from lightship.client.results import ModelMetadata, SignatureInfo, TensorInfo
from lightship.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from lightship.images.spec import ImageSpec

PAIR = {"a": [[1.5, 2.0]], "b": [[3, 4]]}
IMAGE = ImageSpec(height=160, width=160, resize="bicubic", preprocessing="mobilenet_v2")


@pytest.fixture(scope="module")
def server(half_plus_two: Path, saved_models: Path) -> Iterator[str]:
    mixed = saved_models / "mixed"
    with lightship.serve(f"half={half_plus_two}", mixed, rest_port="auto") as running:
        assert running.wait_ready(60)
        yield running.rest_url


@pytest.fixture
def relay(fake_server: FakeServer) -> Callable[[str], FakeServer]:
    """The real server behind one that records the requests."""

    def to(server: str) -> FakeServer:
        def answer(request: ReceivedRequest) -> Reply:
            kept = {name: value for name, value in request.headers.items() if name != "Host"}
            answered = httpx2.request(
                request.method, server + request.path, content=request.body, headers=kept, timeout=60
            )
            headers = {name: answered.headers[name] for name in answered.headers if name != "content-length"}
            headers["Content-Type"] = headers.pop("content-type")
            return Reply(answered.status_code, answered.content, headers)

        fake_server.answer = answer
        return fake_server

    return to


def kinds(served: FakeServer) -> list[str]:
    """How each prediction was sent."""
    return [request.headers["Content-Type"] for request in served.received if request.path.endswith(":predict")]


def test_one_input_and_its_output_keep_their_bits(ask: Ask, server: str) -> None:
    x = np.array([[1.0], [np.pi]], np.float32)
    answer = ask(server, "predict", "half", x, encoding="binary")
    assert (answer.model, answer.version, answer["y"].dtype) == ("half", 123, np.float32)
    np.testing.assert_array_equal(answer["y"], x / 2 + 2)


def test_several_inputs_and_outputs_travel_together(ask: Ask, server: str) -> None:
    answer = ask(server, "predict", "mixed", PAIR, encoding="binary", version=1)
    assert (answer["sum"].tolist(), answer["ids"].tolist(), answer["ids"].dtype) == ([[4.5, 6.0]], [[4, 5]], np.int64)
    answer = ask(server, "predict", "mixed", [True, False], signature="negate", encoding="binary")
    assert answer["not"].tolist() == [False, True]


@pytest.mark.tensorflow
def test_auto_sends_bytes_once_the_server_is_known(server: str, relay: Callable[[str], FakeServer]) -> None:
    served = relay(server)
    with Client(served.url) as client:
        answers = [client.predict("half", [[2.0]], encoding="auto")["y"].tolist() for _ in range(3)]
        assert answers == [[[3.0]]] * 3
        assert kinds(served) == ["application/json", "application/x-npy", "application/x-npy"]
        assert client.predict("mixed", ["a"], signature="upper", encoding="auto")["upper"].tolist() == ["A"]
        assert client.predict("mixed", [0.5], signature="brain", encoding="auto")["y"].tolist() == [0.25]
        assert kinds(served)[3:] == ["application/json"] * 2
        with pytest.raises(InvalidArgument, match="Number is not of expected type: int64"):
            client.predict("mixed", {"a": [[1.5, 2.0]], "b": [[1.5, 2.0]]}, encoding="auto")


def test_json_stays_what_is_sent_without_being_told(server: str, relay: Callable[[str], FakeServer]) -> None:
    served = relay(server)
    with Client(served.url) as client:
        for _ in range(2):
            client.predict("half", [[2.0]])
    assert kinds(served) == ["application/json"] * 2


def test_a_list_of_models_shows_what_the_server_is(server: str, relay: Callable[[str], FakeServer]) -> None:
    served = relay(server)
    with Client(served.url) as client:
        client.models()
        client.predict("half", [[2.0]], encoding="auto")
    assert kinds(served) == ["application/x-npy"]


def test_tensorflow_serving_is_never_sent_bytes(server: str, relay: Callable[[str], FakeServer]) -> None:
    served = relay(server)
    whole = served.answer

    def answer(request: ReceivedRequest) -> Reply | None:
        if request.method == "POST" and not request.body.startswith(b"{"):
            return Reply(400, {"error": "JSON Parse error: Invalid value. at offset: 0"})
        reply = whole(request)
        assert reply is not None
        return Reply(reply.status, reply.body)

    served.answer = answer
    with Client(served.url) as client:
        for _ in range(2):
            assert client.predict("half", [[2.0]], encoding="auto")["y"].tolist() == [[3.0]]
        assert kinds(served) == ["application/json"] * 2
        with pytest.raises(Unimplemented, match="does not take tensors as bytes"):
            client.predict("half", [[2.0]], encoding="binary")


def test_an_older_lightship_is_asked_once(server: str, relay: Callable[[str], FakeServer]) -> None:
    served = relay(server)
    whole = served.answer

    def answer(request: ReceivedRequest) -> Reply | None:
        if request.method == "POST" and not request.body.startswith(b"{"):
            return Reply(400, {"error": "JSON Parse error: Invalid value. at offset: 0"})
        return whole(request)

    served.answer = answer
    with Client(served.url) as client:
        for _ in range(4):
            assert client.predict("half", [[2.0]], encoding="auto")["y"].tolist() == [[3.0]]
    assert kinds(served).count("application/x-npy") == 1


def test_floats_of_a_photo_go_as_bytes_where_the_model_knows_no_images(
    ask: Ask,
    dog_bundle: Path,
    dog_photo: Path,
    tmp_path: Path,
    relay: Callable[[str], FakeServer],
    dog_classes: list[str],
) -> None:
    version = tmp_path / "dog" / "1"
    version.mkdir(parents=True)
    for name in ("saved_model.pb", "variables"):
        (version / name).symlink_to(dog_bundle / "1" / name)
    with lightship.serve(tmp_path / "dog", rest_port="auto", follow_links=True) as running:
        assert running.wait_ready(60)
        served = relay(running.rest_url)
        assert ask(served.url, "classify_image", "dog", dog_photo).label == "bull_mastiff"  # its graph decodes photos
        whole = served.answer
        served.answer = lambda request: without_image_bytes(whole(request))
        with pytest.raises(FailedPrecondition, match="only tensors for model dog, no photos.*--preprocess NAME"):
            ask(served.url, "classify_image", "dog", dog_photo)
        options = {"image": IMAGE, "labels": dog_classes}
        answer = ask(served.url, "classify_image", "dog", dog_photo, options=options, top=2)
    assert (answer.label, answer.version, len(answer.scores)) == ("bull_mastiff", 1, 2)
    assert answer.score == pytest.approx(0.997, abs=0.001)
    assert kinds(served)[-1] == "application/x-npy"


def without_image_bytes(reply: Reply | None) -> Reply | None:
    """As the metadata of a model is that was not exported by Lightship."""
    if reply is None or not isinstance(reply.body, bytes):
        return reply
    return Reply(reply.status, re.sub(rb'"image_bytes": \{', b'"other": {', reply.body), reply.headers)


@pytest.mark.parametrize(
    ("keywords", "kind", "text"),
    [
        ({"inputs": [["a"]]}, InvalidArgument, "input x is float32, which cannot hold the given values of object"),
        ({"inputs": {"z": [[1.0]]}}, InvalidArgument, "inputs z were given, but the signature takes x"),
        ({"inputs": [[1.0]], "signature": "no"}, InvalidArgument, "no signature no in version 123"),
        (
            {"inputs": [b"1"], "signature": "classify_x_to_y"},
            InvalidArgument,
            "DT_STRING, which cannot be sent as bytes",
        ),
        ({"inputs": [[1.0]], "version": 9}, NotFound, "Specific"),
        ({"inputs": [[1.0]], "encoding": "cbor"}, InvalidArgument, "one of json, binary, auto"),
    ],
)
def test_what_does_not_travel_is_named(
    ask: Ask, server: str, keywords: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        ask(server, "predict", "half", **{"encoding": "binary", **keywords})


@pytest.mark.parametrize(
    ("dtype", "value", "kept"),
    [
        ("DT_FLOAT", [1, 2], [1.0, 2.0]),
        ("DT_UINT8", [0, 255], [0, 255]),
        ("DT_UINT8", [256], None),
        ("DT_INT32", [1.0], None),
        ("DT_BOOL", [1], None),
        ("DT_FLOAT", [True], None),
        ("DT_HALF", np.array([0.5], np.float64), [0.5]),
    ],
)
def test_values_keep_what_they_are(dtype: str, value: Any, kept: list[Any] | None) -> None:
    tensor = TensorInfo(dtype, (-1,), "x:0")
    described = ModelMetadata("m", 1, {"serving_default": SignatureInfo("", {"x": tensor}, {"y": tensor})})
    if kept is None:
        with pytest.raises(InvalidArgument, match="cannot hold"):
            binary_request("/m", value, "serving_default", described)
        return
    request = binary_request("/m", value, "serving_default", described)
    assert np.load(io.BytesIO(request.body)).tolist() == kept
