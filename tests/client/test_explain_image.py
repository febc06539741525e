"""Why a photo has its class: from Lightship, from a model's signatures on TensorFlow Serving, and by predictions."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.client.conftest import Ask, FakeServer, ReceivedRequest, Reply

from lightship import Client, ImageSpec, Rise
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound, Unimplemented, Unknown

LABELS = ["cat", "dog", "owl"]
MAP = [[0.0, 1.0], [0.5, -0.25]]
EXPLAINED = {
    "class_index": 1,
    "label": "dog",
    "score": 0.75,
    "logit": 2.5,
    "map": MAP,
    "region": [0.25, 0.0, 0.75, 1.0],
}
DOCUMENT = {"explanations": [EXPLAINED], "method": "cam", "layer": "out_relu", "model": "m"}
VERSION = {"Lightship-Model-Version": "7"}
MALFORMED = "Malformed request: POST /v1/models/m:explain"


def picture(value: int = 100) -> Image.Image:
    return Image.fromarray(np.full((20, 30, 3), value, np.uint8))


def png(value: int = 100) -> bytes:
    buffer = io.BytesIO()
    picture(value).save(buffer, "PNG")
    return buffer.getvalue()


def lightship(request: ReceivedRequest) -> Reply:
    assert re.fullmatch(r"/v1/models/m(/versions/7|/labels/stable)?:explain", urlsplit(request.path).path)
    return Reply(body=DOCUMENT, headers=VERSION)


def test_lightship_gets_the_file_as_it_is(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lightship
    shown = ask(fake_server.url, "explain_image", "m", png())
    (request,) = fake_server.received
    assert (request.path, request.body, request.headers["Content-Type"]) == ("/v1/models/m:explain", png(), "image/png")
    assert (shown.label, shown.class_index, shown.score, shown.logit) == ("dog", 1, 0.75, 2.5)
    assert (shown.method, shown.layer, shown.model, shown.version) == ("cam", "out_relu", "m", 7)
    assert (shown.map.tolist(), shown.map.dtype) == (MAP, np.float32)
    assert (shown.region, shown.photo) == ((0.25, 0.0, 0.75, 1.0), png())
    assert shown.peak == (0.625, 0.25)


def test_class_method_and_version_are_asked_for(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lightship
    ask(fake_server.url, "explain_image", "m", png(), class_="Saint Bernard & co", method="grad-cam++", version=7)
    ask(fake_server.url, "explain_image", "m", png(), label="stable")
    first, second = (urlsplit(request.path) for request in fake_server.received)
    assert parse_qs(first.query) == {"class": ["Saint Bernard & co"], "method": ["grad-cam++"]}
    assert (first.path, second.path) == ("/v1/models/m/versions/7:explain", "/v1/models/m/labels/stable:explain")


def test_an_index_is_sent_as_a_number_that_is_no_label(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = lightship
    ask(fake_server.url, "explain_image", "m", png(), class_=2, method="cam")
    (request,) = fake_server.received
    instances = [{"b64": base64.b64encode(png()).decode()}]
    assert request.json == {"instances": instances, "class": 2, "method": "cam"}


@pytest.mark.parametrize(
    "arguments",
    [{"class_": -1}, {"class_": ""}, {"class_": 1.5}, {"method": ""}, {"method": 7}, {"version": "7"}],
)
def test_arguments_are_checked_before_anything_is_sent(
    ask: Ask, fake_server: FakeServer, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgument):
        ask(fake_server.url, "explain_image", "m", png(), **arguments)
    assert fake_server.received == []


def test_what_the_server_refuses_is_raised_with_its_text(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(
        Reply(400, {"error": "there is no class 'dgo'"}, {"Lightship-Hint": "did%20you%20mean dog?"})
    )
    with pytest.raises(InvalidArgument, match=r"there is no class 'dgo' \(did you mean dog\?\)"):
        ask(fake_server.url, "explain_image", "m", png(), class_="dgo")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"explanations": []},
        {"explanations": [EXPLAINED, EXPLAINED]},
        {"explanations": [{**EXPLAINED, "map": [1, 2]}]},
        {"explanations": [{**EXPLAINED, "map": [[1], [2, 3]]}]},
        {"explanations": [{**EXPLAINED, "score": "high"}]},
        {"explanations": [{**EXPLAINED, "region": [0, 1]}]},
        {"explanations": [[EXPLAINED]]},
        {"explanations": 7},
    ],
)
def test_an_answer_that_is_no_explanation_is_an_error(
    ask: Ask, fake_server: FakeServer, document: dict[str, Any]
) -> None:
    fake_server.reply_with(Reply(body=document, headers=VERSION))
    with pytest.raises(Unknown, match="check the address"):
        ask(fake_server.url, "explain_image", "m", png())


FLOATS = {
    "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": n} for n in (-1, 10, 15, 3)]}}},
    "outputs": {"y": {"dtype": "DT_FLOAT"}},
}
BYTES = {
    "inputs": {"encoded": {"dtype": "DT_STRING"}},
    "outputs": {"labels": {"dtype": "DT_STRING"}, "scores": {"dtype": "DT_FLOAT"}},
}
EXPLAIN = {
    "inputs": {"encoded": {"dtype": "DT_STRING"}},
    "outputs": {
        "map": {"dtype": "DT_FLOAT"},
        "class_index": {"dtype": "DT_INT32"},
        "label": {"dtype": "DT_STRING"},
        "score": {"dtype": "DT_FLOAT"},
    },
}
EXPLAIN_CLASS = {
    "inputs": {"encoded": {"dtype": "DT_STRING"}, "class_index": {"dtype": "DT_INT32"}},
    "outputs": EXPLAIN["outputs"],
}
EXPORTED = {
    "serving_default": FLOATS,
    "image_bytes": BYTES,
    "explain": EXPLAIN,
    "explain_class": EXPLAIN_CLASS,
    "explain_cam": FLOATS,
    "explain_grad_cam": FLOATS,
}


class TensorFlowServing:
    """Its answers for a model with these signatures, whose class dog is how bright the left half of a photo is."""

    def __init__(self, **signatures: dict[str, Any]) -> None:
        self.signatures = signatures

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.method == "GET":
            signatures = {"signature_def": {"signature_def": self.signatures}}
            return Reply(body={"model_spec": {"name": "m", "version": "7"}, "metadata": signatures})
        if not re.fullmatch(r"/v1/models/m(/versions/7)?:predict", request.path):
            return Reply(400, {"error": f"Malformed request: POST {request.path}"})
        if not request.body.startswith(b"{"):
            return Reply(400, {"error": "JSON Parse error: Invalid value. at offset: 0"})
        return Reply(body={"outputs": self.outputs(request.json)})

    def outputs(self, document: dict[str, Any]) -> Any:
        name, inputs = document.get("signature_name", "serving_default"), document["inputs"]
        if name == "image_bytes":
            photos = np.stack([np.asarray(Image.open(io.BytesIO(base64.b64decode(one["b64"])))) for one in inputs])
            scores = [sorted(zip(row, LABELS, strict=True), reverse=True) for row in self.scores(photos / 255)]
            labels = [[label for _, label in row] for row in scores]
            return {"labels": labels, "scores": [[score for score, _ in row] for row in scores]}
        if name.startswith("explain"):
            index = inputs["class_index"][0] if name == "explain_class" else 1
            return {"map": [MAP], "class_index": [index], "label": [LABELS[index]], "score": [0.75]}
        return self.scores((np.array(inputs) + 1) / 2)

    @staticmethod
    def scores(images: NDArray[Any]) -> list[list[float]]:
        left = images[:, :, : images.shape[2] // 2].mean(axis=(1, 2, 3))
        return [[0.1, float(value), 0.0] for value in left]


def test_tensorflow_serving_runs_the_signatures_of_the_model(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(**EXPORTED)
    shown = ask(fake_server.url, "explain_image", "m", png())
    assert (shown.label, shown.class_index, shown.score, shown.logit) == ("dog", 1, 0.75, None)
    assert (shown.method, shown.layer, shown.version, shown.map.tolist()) == ("cam", None, 7, MAP)
    assert [one.path for one in fake_server.received] == [
        "/v1/models/m:explain",
        "/v1/models/m/metadata",
        "/v1/models/m/versions/7:predict",
    ]
    assert fake_server.received[-1].json["signature_name"] == "explain"
    other = ask(fake_server.url, "explain_image", "m", png(), class_=2, method="CAM")
    assert (other.label, other.class_index) == ("owl", 2)


def test_after_one_refusal_explain_is_not_tried_again(fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(**EXPORTED)
    with Client(fake_server.url) as client:
        for _ in range(2):
            client.explain_image("m", png())
    assert sum(":explain" in request.path for request in fake_server.received) == 1


def test_labels_of_the_client_name_a_class_for_the_signatures(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(**EXPORTED)
    with pytest.raises(InvalidArgument, match="takes only an index"):
        ask(fake_server.url, "explain_image", "m", png(), class_="owl")
    shown = ask(fake_server.url, "explain_image", "m", png(), class_="owl", options={"labels": LABELS})
    assert shown.class_index == 2
    with pytest.raises(InvalidArgument, match="did you mean 'owl'"):
        ask(fake_server.url, "explain_image", "m", png(), class_="owel", options={"labels": LABELS})


def test_labels_of_another_version_explain_no_other_class(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(**EXPORTED)
    older = ["cat", "owl", "pug"]
    with pytest.raises(FailedPrecondition, match=r"class 1 of version 7 of model m is 'dog', but 'owl' in the labels"):
        ask(fake_server.url, "explain_image", "m", png(), class_="owl", options={"labels": older})
    shown = ask(fake_server.url, "explain_image", "m", png(), class_="1", options={"labels": older})
    assert shown.label == "dog"


@pytest.mark.parametrize("method", [None, Rise(masks=4, cells=4)])
def test_a_version_that_is_replaced_meanwhile_does_not_count(
    ask: Ask, fake_server: FakeServer, method: Rise | None
) -> None:
    """The metadata says version 7, which is unloaded before it is asked; and then 8."""
    serving, version = TensorFlowServing(**EXPORTED), 7

    def answer(request: ReceivedRequest) -> Reply:
        nonlocal version
        if request.method == "GET":
            metadata = json.dumps(serving(request).body).replace('"7"', f'"{version}"')
            version = 7 if "/versions/7" in request.path else 8
            return Reply(body=metadata)
        if "/versions/7" in request.path:
            return Reply(404, {"error": "Servable not found for request: Specific(m, 7)"})
        return serving(replace(request, path=request.path.replace("/versions/8", "/versions/7")))

    fake_server.answer = answer
    assert ask(fake_server.url, "explain_image", "m", png(), method=method).version == 8
    version = 7
    with pytest.raises(NotFound):
        ask(fake_server.url, "explain_image", "m", png(), method=method, version=7)


def test_the_signatures_have_one_method(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(**EXPORTED)
    with pytest.raises(InvalidArgument, match="method 'grad-cam' cannot be chosen here, only cam"):
        ask(fake_server.url, "explain_image", "m", png(), method="grad-cam")


def test_a_model_without_explanations_says_what_works(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(serving_default=FLOATS, image_bytes=BYTES)
    with pytest.raises(FailedPrecondition, match=r"has no explanations: .*method='rise'"):
        ask(fake_server.url, "explain_image", "m", png())


@pytest.mark.parametrize("signatures", [{"image_bytes": BYTES}, {}])
def test_rise_explains_by_predictions_alone(ask: Ask, fake_server: FakeServer, signatures: dict[str, Any]) -> None:
    """By photos where the server decodes them, and else by floats that the client has preprocessed."""
    fake_server.answer = TensorFlowServing(serving_default=FLOATS, **signatures)
    options = {} if signatures else {"image": ImageSpec(preprocessing="mobilenet_v2"), "labels": LABELS}
    rise = Rise(masks=120, cells=4)
    shown = ask(fake_server.url, "explain_image", "m", png(255), class_="dog", method=rise, options=options)
    assert (shown.label, shown.score, shown.method, shown.version) == ("dog", pytest.approx(1), "rise", 7)
    assert shown.class_index == (None if signatures else 1)
    assert shown.map.shape == ((20, 30) if signatures else (10, 15))
    assert shown.peak[0] < 0.5
    half = shown.map.shape[1] // 2
    assert shown.map[:, :half].mean() > shown.map[:, half:].mean() + 0.03
    assert {request.path for request in fake_server.received if request.method == "POST"} == {
        "/v1/models/m/versions/7:predict"
    }


def test_rise_is_the_same_each_time(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(serving_default=FLOATS, image_bytes=BYTES)
    maps = [ask(fake_server.url, "explain_image", "m", png(200), method=Rise(masks=40)).map for _ in range(2)]
    np.testing.assert_array_equal(*maps)


def test_an_array_is_the_input_of_a_model_that_takes_no_photos(ask: Ask, fake_server: FakeServer) -> None:
    sent: list[NDArray[Any]] = []

    def answer(request: ReceivedRequest) -> Reply:
        if request.headers.get("Content-Type", "").startswith("image/"):
            return Reply(400, {"error": "{name: m version: 7} has no image spec, so it cannot classify encoded images"})
        if ":explain" in request.path:
            sent.append(np.load(io.BytesIO(request.body)))
            return Reply(body=DOCUMENT, headers=VERSION)
        return TensorFlowServing(serving_default=FLOATS)(request)

    fake_server.answer = answer
    floats = np.random.default_rng(0).normal(size=(10, 15, 3))
    shown = ask(fake_server.url, "explain_image", "m", floats, method="cam")
    assert (shown.photo, shown.label) == (None, "dog")
    np.testing.assert_allclose(sent[0], floats[np.newaxis].astype(np.float32))
    whole = np.full((10, 15, 3), 7, np.uint8)  # could be a photo too
    assert ask(fake_server.url, "explain_image", "m", whole).photo is not None
    np.testing.assert_array_equal(sent[1], np.full((1, 10, 15, 3), 7, np.float32), strict=True)
    with pytest.raises(FailedPrecondition, match="takes only tensors"):
        ask(fake_server.url, "explain_image", "m", png())
    spec = ImageSpec(preprocessing="mobilenet_v2")
    ask(fake_server.url, "explain_image", "m", png(255), options={"image": spec})
    np.testing.assert_array_equal(sent[-1], np.ones((1, 10, 15, 3), np.float32))


def test_an_array_that_is_no_photo_is_refused_by_a_model_that_takes_photos(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(**EXPORTED)
    with pytest.raises(InvalidArgument, match="not whole numbers from 0 to 255"):
        ask(fake_server.url, "explain_image", "m", np.full((10, 15, 3), 0.5))


def test_tensors_cannot_be_explained_by_an_older_server(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = TensorFlowServing(serving_default=FLOATS)
    with pytest.raises(Unimplemented, match="has no :explain: it is TensorFlow Serving or an older Lightship"):
        ask(fake_server.url, "explain_image", "m", np.full((10, 15, 3), 0.5))


def named(request: ReceivedRequest) -> Reply:
    """The label of a photo is the value of its pixels; one of 7 is refused."""
    value = int(np.asarray(Image.open(io.BytesIO(request.body)))[0, 0, 0])
    if value == 7:
        return Reply(400, {"error": "the image is truncated"})
    return Reply(body={**DOCUMENT, "explanations": [{**EXPLAINED, "label": str(value)}]}, headers=VERSION)


def test_several_photos_are_explained_in_their_order(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = named
    found = ask(fake_server.url, "explain_images", "m", map(png, range(6)), class_="dog", method="cam", concurrency=3)
    assert [one.label for one in found] == list("012345")
    assert {request.path for request in fake_server.received} == {"/v1/models/m:explain?method=cam&class=dog"}
    assert ask(fake_server.url, "explain_images", "m", []) == []


def test_errors_name_the_photo(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = named
    with pytest.raises(InvalidArgument, match=r"^photos\[1\]: the image is truncated"):
        ask(fake_server.url, "explain_images", "m", [png(1), png(7)])
    first, second, third = ask(
        fake_server.url, "explain_images", "m", [png(1), png(7), "no/such.jpg"], on_error="return"
    )
    assert first.label == "1"
    assert isinstance(second, LightshipError)
    assert isinstance(third, NotFound)
    with pytest.raises(InvalidArgument, match="or use explain_image"):
        ask(fake_server.url, "explain_images", "m", png(1))
    with pytest.raises(InvalidArgument, match="concurrency"):
        ask(fake_server.url, "explain_images", "m", [], concurrency=0)


def test_a_number_that_json_cannot_hold_is_read(ask: Ask, fake_server: FakeServer) -> None:
    text = json.dumps({**DOCUMENT, "explanations": [{**EXPLAINED, "map": [[float("nan"), 1.0]]}]})
    fake_server.reply_with(Reply(body=text, headers=VERSION))
    shown = ask(fake_server.url, "explain_image", "m", png())
    assert np.isnan(shown.map[0, 0])
    assert shown.peak[0] == pytest.approx(0.25 + 0.5 * 0.75)
