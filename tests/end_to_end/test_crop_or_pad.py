"""A model that was trained with `tf.image.resize_with_crop_or_pad` gives training's answers wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image
from tests.packaging.conftest import PETS, classifier, example, signature

import lightship
from lightship import Client, ImageSpec
from lightship.server import Server

SIDE = 16
SIZES = [(16, 16), (1, 1), (15, 17), (33, 9), (9, 33), (40, 31), (120, 161)]  # width, height
FAMILIES = ["pillow", "tensorflow"]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return classifier()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, model: keras.Model) -> dict[str, Path]:
    """A model folder for each family."""
    folder = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        image = ImageSpec(family=family, fit="crop_or_pad", preprocessing="mobilenet_v2")
        lightship.export(model, folder / family, classes=PETS, image=image, progress=False)
    return {family: folder / family for family in FAMILIES}


@pytest.fixture(scope="module")
def server(exported: dict[str, Path]) -> Iterator[Server]:
    models = [f"{family}={folder}" for family, folder in exported.items()]
    with lightship.serve(*models, rest_port="auto", grpc_port="auto") as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def pngs() -> list[bytes]:
    """Photos of patches and grain, of the sizes above."""
    random = np.random.default_rng(4)
    files = []
    for width, height in SIZES:
        patches = Image.fromarray(random.integers(0, 200, (5, 5, 3), np.uint8)).resize((width, height), 0)
        grain = random.integers(0, 56, (height, width, 3), np.uint8)
        file = BytesIO()
        Image.fromarray(np.asarray(patches) + grain).save(file, "PNG")
        files.append(file.getvalue())
    return files


@pytest.fixture(scope="module")
def wanted(model: keras.Model, pngs: list[bytes]) -> NDArray[np.float32]:
    """The scores of a pipeline as training has it."""

    def prepared(data: Any) -> Any:
        pixels = tf.image.resize_with_crop_or_pad(tf.io.decode_png(data, channels=3), SIDE, SIDE)
        return keras.applications.mobilenet_v2.preprocess_input(tf.cast(pixels, tf.float32))

    scores = model.predict(tf.data.Dataset.from_tensor_slices(pngs).map(prepared).batch(3), verbose=0)
    assert np.ptp(scores, axis=0).max() > 0.1  # the photos differ
    return np.asarray(scores)


def by_label(labels: Any, scores: Any) -> list[float]:
    found = dict(zip(labels, scores, strict=True))
    return [found[label] for label in PETS]


@pytest.mark.parametrize("family", FAMILIES)
def test_served_photos_get_trainings_answers(
    server: Server, family: str, pngs: list[bytes], wanted: NDArray[np.float32]
) -> None:
    for url in (str(server.rest_url), f"grpc://{server.grpc_address}"):
        with Client(url) as client:
            answers = client.classify_images(family, pngs)
        np.testing.assert_allclose([by_label(one.labels, one.scores) for one in answers], wanted, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_that_preprocesses_gets_them_too(
    server: Server, exported: dict[str, Path], family: str, pngs: list[bytes], wanted: NDArray[np.float32]
) -> None:
    from lightship.client.preprocessing import read_preprocessing

    with Client(str(server.rest_url)) as client:
        described = client.metadata(family)
        preprocessing = read_preprocessing(None, None, exported[family])
        rows = np.concatenate([preprocessing.preprocess(png, described) for png in pngs])
        (scores,) = client.predict(family, rows).outputs.values()
    np.testing.assert_allclose(scores, wanted, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_in_this_process_gives_them_too(
    exported: dict[str, Path], family: str, pngs: list[bytes], wanted: NDArray[np.float32]
) -> None:
    with lightship.load(exported[family]) as loaded:
        answers = [loaded.classify_image(png) for png in pngs]
        arrays = [loaded.classify_image(np.asarray(Image.open(BytesIO(png)))) for png in pngs]
    np.testing.assert_allclose([by_label(one.labels, one.scores) for one in answers], wanted, atol=1e-4)
    assert arrays == answers


@pytest.mark.parametrize("family", FAMILIES)
def test_tensorflow_alone_gives_them_too(
    exported: dict[str, Path], family: str, pngs: list[bytes], wanted: NDArray[np.float32]
) -> None:
    for name, inputs, key in (
        ("image_bytes", {"image_bytes": pngs}, "labels"),
        ("classify", {"inputs": [example(png) for png in pngs]}, "classes"),
    ):
        answer = signature(exported[family] / "1", name)(**inputs)
        rows = zip(np.asarray(answer[key]), np.asarray(answer["scores"]), strict=True)
        found = [by_label([label.decode() for label in labels], scores) for labels, scores in rows]
        np.testing.assert_allclose(found, wanted, atol=1e-4)
