"""Predict with the signatures of explanations, from encoded images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tests.explained_model import LABELS, picture
from tests.transports.grpc.conftest import call, refusal

from lightship import protos
from lightship.server import Server, serve
from lightship.tensors.tensor_proto import array_of
from lightship.tensors.tensor_writing import write_tensor

IMAGES = [picture(0), picture(1)]


@pytest.fixture(scope="module")
def server(explained_model: Path) -> Iterator[Server]:
    """Without the extensions: these signatures are the model's own."""
    with serve(explained_model, rest_port="auto", grpc_port="auto", extensions=False) as running:
        assert running.wait_ready(60)
        yield running


def request(signature: str, images: list[bytes], classes: Any = None, outputs: tuple[str, ...] = ()) -> Any:
    message = protos.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = "explained", signature
    write_tensor(message.inputs["image_bytes"], np.array(images, object))
    if classes is not None:
        write_tensor(message.inputs["class_index"], np.array(classes, np.int32))
    message.output_filter.extend(outputs)
    return message


def explain(channel: grpc.Channel, *arguments: Any) -> dict[str, np.ndarray]:
    response = call(channel, "Predict", request(*arguments))
    assert response.model_spec.version.value == 1
    return {name: array_of(tensor) for name, tensor in response.outputs.items()}


def test_images_are_explained(channel: grpc.Channel) -> None:
    outputs = explain(channel, "explain", IMAGES)
    assert outputs.keys() == {"map", "class_index", "label", "score"}
    assert (outputs["map"].shape, outputs["map"].dtype) == ((2, 4, 4), np.float32)
    assert (outputs["class_index"].shape, outputs["class_index"].dtype) == ((2,), np.int32)
    assert [label.decode() for label in outputs["label"]] == [LABELS[index] for index in outputs["class_index"]]


def test_an_image_is_explained_for_a_class_that_is_given(channel: grpc.Channel) -> None:
    outputs = explain(channel, "explain_class", IMAGES, [4, 0])
    assert outputs["label"].tolist() == [b"horse", b"cat"]
    predicted = explain(channel, "explain", IMAGES)
    again = explain(channel, "explain_class", IMAGES, predicted["class_index"])
    np.testing.assert_array_equal(again["map"], predicted["map"])


def test_only_the_wanted_outputs_come(channel: grpc.Channel) -> None:
    assert explain(channel, "explain", IMAGES, None, ("label",)).keys() == {"label"}


def test_a_long_message_is_explained_too(channel: grpc.Channel) -> None:
    assert explain(channel, "explain", [picture(seed, 300, 300) for seed in range(40)])["map"].shape == (40, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("explain", [b"no image"]), "the image is not JPEG, PNG"),
        (("explain", [*IMAGES, IMAGES[0][:60]]), "image 2 of 3: "),
        (("explain_class", IMAGES, [0, 5]), "there is no class 5: {name: explained version: 1} has 5 classes"),
        (("explain_class", IMAGES, [-1, 0]), "there is no class -1"),
        (("explain_class", IMAGES, [0]), "there are 1 classes for 2 images"),
        (("explain_class", IMAGES), "class_index"),
        (("explain", IMAGES, [0, 0]), "class_index"),
        (("explain", IMAGES, None, ("maps",)), "output tensor alias not found in signature: maps"),
    ],
)
def test_what_is_wrong_is_told(channel: grpc.Channel, arguments: Any, text: str) -> None:
    code, told = refusal(channel, "Predict", request(*arguments))
    assert code == "INVALID_ARGUMENT"
    assert text in told
