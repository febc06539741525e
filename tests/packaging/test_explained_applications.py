"""Explanations of models of `keras.applications` and of the real dog model: the engines that run them, and the maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.packaging.conftest import signature
from tests.packaging.explained_models import expected_maps, informative

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.engines import load_engine
from lightship.engines.base import Engine
from lightship.images.prepare import prepare
from lightship.packaging import export
from lightship.packaging.keras_model import KerasModel

ALL = ["cam", "grad-cam", "hirescam", "grad-cam++"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::lightship.packaging.UninformativeGoldenWarning")  # EfficientNetB0 and noise
@pytest.mark.parametrize(
    ("name", "given", "layer", "methods", "engine"),
    [
        ("MobileNetV2", None, "out_relu", ALL, "openvino"),
        ("ResNet50V2", None, "post_relu", ALL, "openvino"),
        ("EfficientNetB0", None, "top_activation", ALL, "openvino"),
        ("VGG16", None, "block5_pool", ALL[1:], "openvino"),
        ("VGG16", "block5_conv3", "block5_conv3", ALL[1:], "tensorflow"),
    ],
)
def test_the_table_of_engines_is_right_and_maps_are_those_of_keras(
    tmp_path: Path, name: str, given: str | None, layer: str, methods: list[str], engine: str
) -> None:
    keras.utils.set_random_seed(1)
    model = informative(getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=5))
    version = export(model, tmp_path / "m", classes=list("abcde"), image={"preprocessing": "none"}, explain=given)
    bundle = open_bundle(version, "m", 1)
    assert bundle.explain is not None
    assert (bundle.explain.layer, list(bundle.explain.methods)) == (layer, methods)
    x = np.random.default_rng(2).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    expected = expected_maps(model, layer, x, "predictions")
    (key,) = bundle.saved_model.signatures["serving_default"].inputs
    inputs = {key: x, "class_index": np.full(2, -1, np.int32)}
    loaded = load_engine(version, bundle.saved_model)
    for method, internal in bundle.explain.methods.items():
        assert loaded.engine_of(internal) == engine
        outputs = loaded.run(internal, inputs)
        scale = np.abs(expected[method]).max()
        np.testing.assert_allclose(outputs["map"], expected[method], rtol=1e-4, atol=1e-4 * scale)
    loaded.close()
    row = [name if given is None else f"{name}, `--explain-layer {given}`", f"`{layer}`"]
    shown = {"openvino": "OpenVINO", "tensorflow": "TensorFlow"}[engine]
    row += [shown if method in methods else "does not apply" for method in ALL]
    guide = Path(__file__).parents[2] / "docs" / "guides" / "explain.md"
    assert f"| {' | '.join(row)} |" in guide.read_text()


@pytest.fixture(scope="module")
def dog(dog_bundle: Path) -> Bundle:
    return open_bundle(dog_bundle / "1", "dog", 1)


@pytest.fixture(scope="module")
def engine(dog: Bundle) -> Iterator[Engine]:
    loaded = load_engine(dog.path, dog.saved_model)
    yield loaded
    loaded.close()


def inputs(dog: Bundle, photo: Path) -> dict[str, Any]:
    assert dog.image is not None
    (name,) = dog.saved_model.signatures["serving_default"].inputs
    return {name: prepare(photo.read_bytes(), dog.image)[np.newaxis], "class_index": np.array([-1], np.int32)}


def test_the_peak_of_the_map_lies_on_the_dog(dog: Bundle, engine: Engine, dog_photo: Path) -> None:
    assert dog.labels is not None
    outputs = engine.run("explain_cam", inputs(dog, dog_photo))
    assert dog.labels[int(outputs["class_index"][0])] == "bull_mastiff"
    row, column = np.unravel_index(outputs["map"][0].argmax(), outputs["map"][0].shape)
    # Of the map's 5 x 5 places, those whose middle is on the dog: it fills the middle of the left half.
    assert 1 <= row <= 3
    assert 1 <= column <= 2


def test_the_mean_and_the_bias_are_the_logit_on_both_engines(
    dog: Bundle, engine: Engine, dog_model: Path, dog_photo: Path
) -> None:
    bias = keras.models.load_model(dog_model, compile=False).layers[-1].bias.numpy()
    for index in (-1, 0, 7):
        asked = inputs(dog, dog_photo) | {"class_index": np.array([index], np.int32)}
        for outputs in (engine.run("explain_cam", asked), signature(dog.path, "explain_cam")(**asked)):
            total = outputs["map"].astype(np.float64).mean((1, 2)) + bias[outputs["class_index"]]
            np.testing.assert_allclose(total, outputs["logit"], rtol=1e-5)
    assert engine.engine_of("explain_cam") == "openvino"


def test_tensorflow_alone_gives_the_maps_of_the_engine(dog: Bundle, engine: Engine, dog_photo: Path) -> None:
    """The photo is decoded by TensorFlow there, which differs by some steps of 1/255 in a few pixels."""
    assert dog.explain is not None
    asked = inputs(dog, dog_photo)
    for internal in dog.explain.methods.values():
        ours, theirs = engine.run(internal, asked), signature(dog.path, internal)(**asked)
        np.testing.assert_allclose(ours["map"], theirs["map"], rtol=1e-5, atol=1e-5 * np.abs(theirs["map"]).max())
    encoded = signature(dog.path, "explain")(image_bytes=[dog_photo.read_bytes()])
    exact = engine.run("explain_cam", asked)
    np.testing.assert_allclose(encoded["map"], exact["map"], atol=1e-3 * np.abs(exact["map"]).max())


def test_a_model_of_random_weights_has_another_map(
    dog: Bundle, engine: Engine, dog_model: Path, dog_photo: Path
) -> None:
    """By the trained model itself, whose maps an exported one gives."""
    model = keras.models.load_model(dog_model, compile=False)
    keras.utils.set_random_seed(3)
    body = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(160, 160, 3))
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(19, "softmax")]
    random = informative(keras.Sequential([keras.Input(model.input_shape[1:]), body, *head]))
    asked = inputs(dog, dog_photo)
    trained = engine.run("explain_cam", asked)
    photo = next(array for key, array in asked.items() if key != "class_index")
    other = KerasModel(random).explain(None).run("cam", photo, trained["class_index"])
    ranks = [one["map"].ravel().argsort().argsort() for one in (trained, other)]
    assert abs(np.corrcoef(*ranks)[0, 1]) < 0.5
