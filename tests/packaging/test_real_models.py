"""Models of real size: a fine-tuned MobileNetV2 of Keras 2, and Keras 3's ResNet50V2."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from tests.packaging.conftest import entries
from tests.packaging.test_sources import answers_alike, predict

from lightship.bundle.bundle import open_bundle
from lightship.images.spec import ImageSpec
from lightship.packaging import export

pytestmark = pytest.mark.slow


def test_the_dog_model_of_keras_2_gives_the_answers_of_keras_3(
    dog_bundle: Path, dog_model: Path, dog_classes: list[str], photos: list[Path]
) -> None:
    bundle = open_bundle(dog_bundle / "1", "dog", 1)
    assert bundle.labels == tuple(dog_classes)
    assert bundle.golden is not None
    best = bundle.golden.outputs["output_0"][0]
    assert (dog_classes[best.argmax()], round(float(best.max()), 3)) == ("bull_mastiff", 0.997)
    answers_alike(dog_bundle / "1", predict(keras.models.load_model(dog_model, compile=False)), photos[:3])


def test_resnet50v2_gives_the_same_answers_by_all_three_signatures(tmp_path: Path, photos: list[Path]) -> None:
    model = resnet50v2()
    classes = [f"class {number}" for number in range(300)]
    image = ImageSpec(resize="bilinear", preprocessing="resnet_v2")
    version = export(model, tmp_path / "resnet", classes=classes, image=image, golden=photos[:2])
    assert entries(tmp_path / "resnet") == {"1"}
    answers_alike(version, predict(model), photos[:2])


def resnet50v2() -> keras.Model:
    """Random weights, and statistics of one random batch, so that different photos get different answers."""
    keras.utils.set_random_seed(2)
    model = keras.applications.ResNet50V2(weights=None, classes=300, input_shape=(224, 224, 3))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(np.random.default_rng(2).uniform(-1, 1, (4, 224, 224, 3)).astype(np.float32), training=True)
    return model
