"""A photo to labels by what TensorFlow Serving's signatures offer: the graph's own decoding, or floats alone."""

from __future__ import annotations

import io
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image
from tests.client.conftest import Ask
from tests.client.grpc.conftest import FakeServer, ReceivedRequest

from lightship import protos
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of

LABELS = ["cat", "dog", "owl"]
IMAGE = ImageSpec(preprocessing="mobilenet_v2", resize="bicubic")
DECODING, FLOATS = "image_bytes", "serving_default"


class TensorFlowServing:
    """Its answers for a model `dog` with these signatures, which gives the scores 0.25, 0.5, 0.25."""

    def __init__(self, *signatures: str, size: tuple[int, int] = (4, 6), scores: int = 3) -> None:
        self.signatures, self.size, self.scores = signatures, size, scores

    def __call__(self, request: ReceivedRequest) -> bytes | tuple[grpc.StatusCode, str]:
        if request.method.endswith("/GetModelMetadata"):
            return bytes(self._metadata().SerializeToString())
        wanted = request.read(protos.PredictRequest).model_spec.signature_name
        if wanted not in self.signatures:
            return grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{wanted}" not found.'
        response = protos.PredictResponse()
        response.model_spec.version.value = 7
        if wanted == DECODING:
            _fill(response.outputs["labels"], string_val=[b"dog", b"cat", b"owl"])
            _fill(response.outputs["scores"], float_val=[0.5, 0.25, 0.25])
        else:
            _fill(response.outputs["y"], float_val=[0.25, 0.5, 0.25, 0.0][: self.scores])
        return bytes(response.SerializeToString())

    def _metadata(self) -> Any:
        signatures = protos.SignatureDefMap()
        if DECODING in self.signatures:
            signature = signatures.signature_def[DECODING]
            signature.inputs[DECODING].dtype = DataType.DT_STRING
            signature.outputs["labels"].dtype, signature.outputs["scores"].dtype = DataType.DT_STRING, DataType.DT_FLOAT
        if FLOATS in self.signatures:
            x = signatures.signature_def[FLOATS].inputs["x"]
            x.dtype = DataType.DT_FLOAT
            for size in (-1, *self.size, 3):
                x.tensor_shape.dim.add(size=size)
        response = protos.GetModelMetadataResponse()
        response.model_spec.name, response.model_spec.version.value = "dog", 7
        response.metadata["signature_def"].Pack(signatures)
        return response


def _fill(tensor: Any, **values: list[Any]) -> None:
    """One row."""
    ((field, row),) = values.items()
    tensor.dtype = DataType.DT_STRING if field == "string_val" else DataType.DT_FLOAT
    tensor.tensor_shape.dim.add(size=1)
    tensor.tensor_shape.dim.add(size=len(row))
    getattr(tensor, field).extend(row)


def sent(fake_server: FakeServer) -> Any:
    return fake_server.received[-1].read(protos.PredictRequest)


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))


def encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def test_a_graph_that_decodes_gets_the_bytes(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(DECODING, FLOATS)
    answer = ask(fake_server.url, "classify_image", "dog", encoded(picture, "JPEG"), top=2)
    assert (answer.labels, answer.scores, answer.model, answer.version) == (("dog", "cat"), (0.5, 0.25), "dog", 7)
    assert list(sent(fake_server).inputs[DECODING].string_val) == [encoded(picture, "JPEG")]


def test_a_graph_gets_no_format_that_it_cannot_decode(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(DECODING)
    ask(fake_server.url, "classify_image", "dog", encoded(picture, "BMP"))
    (png,) = sent(fake_server).inputs[DECODING].string_val
    assert png.startswith(b"\x89PNG")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), np.asarray(picture))


def test_floats_are_preprocessed_by_the_spec_given(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(FLOATS)
    answer = ask(fake_server.url, "classify_image", "dog", picture, options={"image": IMAGE, "labels": LABELS})
    assert answer.labels == ("dog", "cat", "owl")  # of equal scores the lower index first
    assert (answer.scores, answer.version) == ((0.5, 0.25, 0.25), 7)
    np.testing.assert_array_equal(array_of(sent(fake_server).inputs["x"])[0], prepare(picture, IMAGE.sized(4, 6)))


def test_a_version_asked_for_is_kept_on_every_way(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(DECODING)
    assert ask(fake_server.url, "classify_image", "dog", picture, version=7).version == 7
    kinds = (protos.GetModelMetadataRequest, protos.PredictRequest)
    requests = [one.read(kind) for one, kind in zip(fake_server.received, kinds, strict=True)]
    assert [one.model_spec.version.value for one in requests] == [7, 7]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({}, "bundle="), ({"image": IMAGE}, "labels="), ({"image": IMAGE, "labels": ["a"]}, "3 scores, .* 1 labels")],
)
def test_what_is_missing_is_said(
    ask: Ask, fake_server: FakeServer, picture: Image.Image, options: dict[str, Any], wanted: str
) -> None:
    fake_server.answer = TensorFlowServing(FLOATS)
    with pytest.raises(FailedPrecondition, match=wanted):
        ask(fake_server.url, "classify_image", "dog", picture, options=options)


def test_a_size_that_nobody_knows_is_said(ask: Ask, fake_server: FakeServer, picture: Image.Image) -> None:
    fake_server.answer = TensorFlowServing(FLOATS, size=(-1, -1))
    with pytest.raises(FailedPrecondition, match="height and width"):
        ask(fake_server.url, "classify_image", "dog", picture, options={"image": IMAGE, "labels": LABELS})


def test_what_is_no_photo_is_not_sent(ask: Ask, fake_server: FakeServer) -> None:
    with pytest.raises(InvalidArgument, match="not JPEG"):
        ask(fake_server.url, "classify_image", "dog", b"text")
    assert fake_server.received == []


def test_a_model_that_begins_to_decode_is_noticed(fake_server: FakeServer, picture: Image.Image) -> None:
    """Its next version has the signature that the one known does not have."""
    from lightship import Client

    fake_server.answer = TensorFlowServing(FLOATS)
    with Client(fake_server.url) as client:
        with pytest.raises(FailedPrecondition, match="bundle="):
            client.classify_image("dog", picture)
        fake_server.answer = TensorFlowServing(DECODING, FLOATS)
        assert client.classify_image("dog", picture).label == "dog"


def test_several_photos_are_sent_again_while_the_server_has_too_much_work(ask: Ask, fake_server: FakeServer) -> None:
    """However often: `retries` is for other failures."""
    known, refused = TensorFlowServing(DECODING), 0

    def answer(request: ReceivedRequest) -> bytes | tuple[grpc.StatusCode, str]:
        nonlocal refused
        if request.method.endswith("/Predict") and refused < 5:
            refused += 1
            return grpc.StatusCode.UNAVAILABLE, "busy"
        return known(request)

    fake_server.answer, fake_server.pushback = answer, 1
    photos = np.zeros((3, 8, 8, 3), np.uint8)
    answers = ask(fake_server.url, "classify_images", "dog", photos, concurrency=2, options={"retries": 0})
    assert [one.label for one in answers] == ["dog"] * 3
