"""The demo's model gives the same maps by every way of asking, and by the exported folder under TensorFlow alone."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.packaging.conftest import signature

import lightship
from lightship import Client
from lightship.bundle.bundle import Bundle, open_bundle
from lightship.images.prepare import prepare
from lightship.local import LocalModel

pytestmark = pytest.mark.tensorflow

ROTTWEILER = 8
# TensorFlow decodes the photo itself in `explain`, so some pixels differ by some steps of 1/255, and the numbers of the
# map by this share of the largest.
DECODING = 1e-3


@pytest.fixture(scope="module")
def dog(dog_bundle: Path) -> Iterator[LocalModel]:
    with lightship.load(dog_bundle) as model:
        yield model


@pytest.fixture(scope="module")
def version(dog_bundle: Path) -> Bundle:
    return open_bundle(dog_bundle / "1", "dog", 1)


@pytest.fixture(scope="module")
def floats(version: Bundle, dog_photo: Path) -> NDArray[np.float32]:
    """The photo as the model's input: [1, 160, 160, 3]."""
    assert version.image is not None
    return np.asarray(prepare(dog_photo.read_bytes(), version.image), np.float32)[np.newaxis]


def explained(url: str, body: bytes, kind: str) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["explanations"][0]


def inputs_of(version: Bundle, floats: NDArray[np.float32], class_index: int) -> dict[str, NDArray[Any]]:
    (name,) = version.saved_model.signatures["serving_default"].inputs
    return {name: floats, "class_index": np.array([class_index], np.int32)}


def test_rest_grpc_client_and_this_process_give_the_same_map(
    dog: LocalModel, dog_bundle: Path, dog_photo: Path, floats: NDArray[np.float32]
) -> None:
    shown = dog.explain_image(dog_photo)
    with lightship.serve(dog_bundle, rest_port="auto", grpc_port="auto") as server:
        maps = []
        for address in (str(server.rest_url), f"grpc://{server.grpc_address}"):
            with Client(address) as client:
                maps.append(client.explain_image("dog", dog_photo).map)
        url = f"{server.rest_url}/v1/models/dog:explain"
        by_floats = json.dumps({"instances": floats.tolist()}).encode()
        for body, kind in ((dog_photo.read_bytes(), "image/jpeg"), (by_floats, "application/json")):
            found = explained(url, body, kind)
            assert found["label"] == shown.label == "bull_mastiff"
            maps.append(np.float32(found["map"]))
    for one in maps:
        np.testing.assert_allclose(one, shown.map, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("class_index", [-1, ROTTWEILER])
def test_tensorflow_alone_gives_the_map_of_the_same_pixels(
    dog: LocalModel, dog_photo: Path, version: Bundle, floats: NDArray[np.float32], class_index: int
) -> None:
    shown = dog.explain_image(dog_photo, class_=None if class_index == -1 else class_index)
    assert version.explain is not None
    outputs = signature(version.path, version.explain.methods["cam"])(**inputs_of(version, floats, class_index))
    np.testing.assert_allclose(outputs["map"][0], shown.map, rtol=1e-5, atol=1e-5 * np.abs(shown.map).max())
    assert outputs["class_index"][0] == shown.class_index


def test_tensorflow_alone_explains_the_photo_as_it_is(dog: LocalModel, dog_photo: Path, version: Bundle) -> None:
    photo = [dog_photo.read_bytes()]
    for shown, outputs in (
        (dog.explain_image(dog_photo), signature(version.path, "explain")(image_bytes=photo)),
        (
            dog.explain_image(dog_photo, class_="Rottweiler"),
            signature(version.path, "explain_class")(image_bytes=photo, class_index=np.int32([ROTTWEILER])),
        ),
    ):
        assert (outputs["label"][0].decode(), outputs["class_index"][0]) == (shown.label, shown.class_index)
        np.testing.assert_allclose(outputs["map"][0], shown.map, atol=DECODING * np.abs(shown.map).max())
        np.testing.assert_allclose(outputs["score"][0], shown.score, atol=1e-3)
