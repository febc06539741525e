"""Trained models of every kind, exported, served and asked: the served answers are the trained models' own."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from tests.end_to_end.conftest import BIN, Running, start, stop
from tests.packaging.conftest import DATA, PETS, SPEC, classifier
from tests.packaging.test_real_models import resnet50v2

from lightship import Client, ImageSpec, export
from lightship.images.prepare import prepare

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")]

Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
CARS = [f"car model {number}" for number in range(300)]


@dataclass(frozen=True, slots=True)
class Trained:
    classes: list[str]
    image: ImageSpec
    answer: Answer  # the trained model's own scores for prepared images


@pytest.fixture(scope="module")
def trained(place: Path) -> dict[str, Trained]:
    """The models themselves, each exported to `models/NAME` in `place`."""
    resnet, small = resnet50v2(), classifier()
    small.save(place / "small.keras")
    small.save(place / "small.h5")
    keras2 = of_saved_model(place / "model")
    cars = ImageSpec(height=224, width=224, resize="bilinear", preprocessing="resnet_v2")
    pets = SPEC.sized(16, 16)
    export(resnet, place / "models" / "resnet", classes=CARS, image=cars, explain=False)
    export(place / "small.keras", place / "models" / "keras", classes=PETS, image=SPEC)
    export(place / "small.h5", place / "models" / "h5", classes=PETS, image=SPEC)
    export(place / "model", place / "models" / "saved_model", classes=PETS, image=SPEC)
    export(place, place / "models" / "older_layout", image=SPEC)
    return {
        "resnet": Trained(CARS, cars, of_keras(resnet)),
        "keras": Trained(PETS, pets, of_keras(small)),
        "h5": Trained(PETS, pets, of_keras(small)),
        "saved_model": Trained(PETS, pets, keras2),
        "older_layout": Trained(PETS, pets, keras2),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `model/` of Keras 2 and its `classes.pickle`."""
    place = tmp_path_factory.mktemp("sources")
    shutil.unpack_archive(DATA / "keras2_saved_model.zip", place)
    shutil.copyfile(DATA / "classes_pandas_1.5.3_2.pickle", place / "classes.pickle")
    return place


@pytest.fixture(scope="module")
def server(place: Path, trained: dict[str, Trained]) -> Iterator[Running]:
    running = start(BIN / "lightship", *(str(place / "models" / name) for name in trained))
    yield running
    stop(running.process)


def of_keras(model: keras.Model) -> Answer:
    return lambda x: np.array(model(x, training=False))


def of_saved_model(folder: Path) -> Answer:
    loaded = tf.saved_model.load(str(folder))
    return lambda x: next(iter(loaded.signatures["serving_default"](tf.constant(x)).values())).numpy()


@pytest.mark.parametrize("name", ["resnet", "keras", "h5", "saved_model", "older_layout"])
def test_the_served_model_answers_as_the_trained_one(
    name: str, trained: dict[str, Trained], server: Running, photos: list[Path]
) -> None:
    model, encoded = trained[name], [photo.read_bytes() for photo in photos[:3]]
    x = np.stack([prepare(image, model.image) for image in encoded])
    wanted = model.answer(x)
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3  # the photos can be told apart
    best = [model.classes[row.argmax()] for row in wanted]
    with Client(server.url) as client:
        (scores,) = client.predict(name, x).outputs.values()
        seen = [client.classify_image(name, image) for image in encoded]
    np.testing.assert_allclose(scores, wanted, atol=1e-4)
    assert [ranking.labels[0] for ranking in seen] == best
    assert by_image_bytes(server, name, encoded) == best


def by_image_bytes(server: Running, name: str, encoded: list[bytes]) -> list[str]:
    instances = [{"b64": base64.b64encode(image).decode()} for image in encoded]
    body = {"signature_name": "image_bytes", "instances": instances}
    answer = httpx2.post(f"{server.url}/v1/models/{name}:predict", json=body, timeout=60)
    return [prediction["labels"][0] for prediction in answer.json()["predictions"]]
