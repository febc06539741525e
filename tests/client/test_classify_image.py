"""A photo to labels, whatever the server takes: images, the graph's own decoding, or floats alone."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.client.conftest import Ask, FakeServer, ReceivedRequest, Reply

from lightship.errors import FailedPrecondition, InvalidArgument, NotFound
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec

LABELS = ["cat", "dog", "owl"]
SCORES = [0.25, 0.5, 0.25]
IMAGE = ImageSpec(preprocessing="mobilenet_v2", resize="bicubic")
FLOATS = {"inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": n} for n in (-1, 4, 6, 3)]}}}}
BYTES = {"inputs": {"image_bytes": {"dtype": "DT_STRING"}}, "outputs": {"labels": {}, "scores": {}}}


class TensorFlowServing:
    """Its answers to what a client may ask, for a model with these signatures."""

    def __init__(self, **signatures: dict[str, Any]) -> None:
        self.signatures = signatures

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.method == "GET":
            signatures = {"signature_def": {"signature_def": self.signatures}}
            return Reply(body={"model_spec": {"name": "dog", "version": "7"}, "metadata": signatures})
        if not re.fullmatch(r"/v1/models/dog(/versions/7)?:predict", request.path):
            return Reply(400, {"error": f"Malformed request: POST {request.path}"})
        if not request.body.startswith(b"{"):
            return Reply(400, {"error": "JSON Parse error: Invalid value. at offset: 0"})
        if request.json.get("signature_name") == "image_bytes":
            return Reply(body={"predictions": [{"labels": ["dog", "cat", "owl"], "scores": [0.5, 0.25, 0.25]}]})
        return Reply(body={"predictions": [SCORES]})


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_lightship_gets_the_file_as_it_is(ask: Ask, fake_server: FakeServer, dog_photo: Path) -> None:
    body = {"predictions": [{"labels": ["bull_mastiff"], "scores": [0.997]}]}
    fake_server.reply_with(Reply(body=body, headers={"Lightship-Model-Version": "3"}))
    answer = ask(fake_server.url, "classify_image", "dog", dog_photo, top=1)
    assert (answer.label, answer.score, answer.model, answer.version) == ("bull_mastiff", 0.997, "dog", 3)
    (request,) = fake_server.received
    assert (request.path, request.headers["Content-Type"]) == ("/v1/models/dog:predict?top=1", "image/jpeg")
    assert request.body == dog_photo.read_bytes()


def test_pixels_and_pil_images_lose_nothing_on_the_way(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.reply_with(Reply(body={"predictions": [{"labels": ["a"], "scores": [1.0]}]}))
    pixels = np.asarray(picture)
    for photo in (picture, pixels, pixels.astype(np.float32)):
        ask(fake_server.url, "classify_image", "dog", photo)
        sent = Image.open(io.BytesIO(fake_server.received[-1].body))
        np.testing.assert_array_equal(np.asarray(sent), pixels)


def test_a_graph_that_decodes_gets_the_bytes(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(image_bytes=BYTES, serving_default=FLOATS)
    answer = ask(fake_server.url, "classify_image", "dog", png(picture), top=2)
    assert (answer.labels, answer.scores, answer.version) == (("dog", "cat"), (0.5, 0.25), None)
    (instance,) = fake_server.received[-1].json["instances"]
    assert base64.b64decode(instance["b64"]) == png(picture)


def test_a_graph_gets_no_format_that_it_cannot_decode(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(image_bytes=BYTES)
    bmp = io.BytesIO()
    picture.save(bmp, "BMP")
    ask(fake_server.url, "classify_image", "dog", bmp.getvalue())
    sent = base64.b64decode(fake_server.received[-1].json["instances"][0]["b64"])
    assert sent.startswith(b"\x89PNG")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(sent))), np.asarray(picture))


def test_a_graph_gets_a_gif_as_it_is(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    """In the family "tensorflow", the transparent pixels of a GIF are black, but those of a PNG are not."""
    fake_server.answer = TensorFlowServing(image_bytes=BYTES)
    gif = io.BytesIO()
    picture.quantize(20).save(gif, "GIF", transparency=3)
    ask(fake_server.url, "classify_image", "dog", gif.getvalue())
    assert base64.b64decode(fake_server.received[-1].json["instances"][0]["b64"]) == gif.getvalue()


def test_floats_are_preprocessed_by_the_spec_given(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(serving_default=FLOATS)
    answer = ask(fake_server.url, "classify_image", "dog", picture, options={"image": IMAGE, "labels": LABELS})
    assert answer.labels == ("dog", "cat", "owl")  # of equal scores the lower index first
    sent = np.array(fake_server.received[-1].json["instances"], np.float32)
    np.testing.assert_array_equal(sent[0], prepare(picture, IMAGE.sized(4, 6)))


def test_a_version_asked_for_is_kept_on_every_way(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(image_bytes=BYTES)
    assert ask(fake_server.url, "classify_image", "dog", picture, version=7).version == 7
    assert all(request.path.startswith("/v1/models/dog/versions/7") for request in fake_server.received)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({}, "bundle="), ({"image": IMAGE}, "labels="), ({"image": IMAGE, "labels": ["a"]}, "3 scores, .* 1 labels")],
)
def test_what_is_missing_is_said(
    ask: Ask, fake_server: FakeServer, picture: Image.Image, options: dict[str, Any], wanted: str
) -> None:
    fake_server.answer = TensorFlowServing(serving_default=FLOATS)
    with pytest.raises(FailedPrecondition, match=wanted):
        ask(fake_server.url, "classify_image", "dog", picture, options=options)


def test_a_size_that_nobody_knows_is_said(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(serving_default={"inputs": {"x": {"dtype": "DT_FLOAT"}}})
    with pytest.raises(FailedPrecondition, match="height and width"):
        ask(fake_server.url, "classify_image", "dog", picture, options={"image": IMAGE, "labels": LABELS})


def test_lightships_own_refusal_of_an_image_is_raised(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.reply_with(Reply(400, {"error": "the image is truncated"}))
    with pytest.raises(InvalidArgument, match="truncated"):
        ask(fake_server.url, "classify_image", "dog", picture)
    assert len(fake_server.received) == 1


@pytest.mark.parametrize(
    ("photo", "kind", "text"),
    [
        ("no/such.jpg", NotFound, r"no/such\.jpg does not exist"),
        (Path(__file__).parent, InvalidArgument, "is a folder"),
        (Path(__file__), InvalidArgument, "not JPEG"),
        (b"", InvalidArgument, "empty"),
        (7, InvalidArgument, "type int"),
        (np.zeros((1, 8, 8, 3)), InvalidArgument, "one image"),
        (np.full((8, 8, 3), 0.5), InvalidArgument, "scaling"),
        (np.full((8, 8, 3), np.nan), InvalidArgument, "scaling"),
    ],
)
def test_what_is_no_photo_is_refused_before_it_is_sent(
    ask: Ask, fake_server: FakeServer, photo: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        ask(fake_server.url, "classify_image", "dog", photo)
    assert fake_server.received == []


@pytest.mark.parametrize("top", [0, -1, True, "5"])
def test_top_is_checked(ask: Ask, fake_server: FakeServer, picture: Image.Image, top: Any) -> None:
    with pytest.raises(InvalidArgument, match="1 or more"):
        ask(fake_server.url, "classify_image", "dog", picture, top=top)
