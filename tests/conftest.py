"""What tests of several rooms share: real photos, the real dog model, and TensorFlow Serving's own toy model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import atexit
import shutil
import tempfile

# One cache of compiled models for all tests and the servers that they start, which is gone at the end.
if "LIGHTSHIP_CACHE_DIR" not in os.environ:
    os.environ["LIGHTSHIP_CACHE_DIR"] = tempfile.mkdtemp(prefix="lightship-tests-")
    atexit.register(shutil.rmtree, os.environ["LIGHTSHIP_CACHE_DIR"], ignore_errors=True)

import pytest
from demo.assets import BREEDS, Assets, fetch

if TYPE_CHECKING:
    import tensorflow as tf


@pytest.fixture(scope="session")
def assets() -> Assets:
    return fetch()


@pytest.fixture(scope="session")
def dog_model(assets: Assets) -> Path:
    """A Keras 2 `.h5`: MobileNetV2, 160x160, 19 breeds."""
    return assets.model


@pytest.fixture(scope="session")
def dog_classes() -> list[str]:
    return list(BREEDS)


@pytest.fixture(scope="session")
def dog_photo(assets: Assets) -> Path:
    """A bull mastiff."""
    return assets.photo


@pytest.fixture(scope="session")
def photos(assets: Assets) -> list[Path]:
    return list(assets.photos)


@pytest.fixture(scope="session")
def dog_bundle(tmp_path_factory: pytest.TempPathFactory, assets: Assets) -> Path:
    """`models/dog`, holding version 1 as `make demo` exports it. Copy it before changing anything in it."""
    from lightship.images.spec import ImageSpec
    from lightship.packaging import export

    folder = tmp_path_factory.mktemp("models") / "dog"
    image = ImageSpec(resize="bicubic", preprocessing="mobilenet_v2")
    export(assets.model, folder, classes=list(BREEDS), image=image, golden=[assets.photo])
    return folder


@pytest.fixture(scope="session")
def half_plus_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder holding version 123: y = 0.5 x + 2, by predict, classify and regress."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("models") / "half_plus_two"
    module = _half_plus_two_module()
    signatures = {
        "serving_default": module.predict,
        "classify_x_to_y": module.classify,
        "regress_x_to_y": module.regress,
    }
    tf.saved_model.save(module, str(folder / "123"), signatures=signatures)
    return folder


def _half_plus_two_module() -> tf.Module:
    import tensorflow as tf

    class HalfPlusTwo(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = tf.Variable(0.5), tf.Variable(2.0)

        def parse(self, examples: tf.Tensor) -> tf.Tensor:
            return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

        @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
        def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": self.a * x + self.b}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"scores": self.a * self.parse(inputs) + self.b}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"outputs": self.a * self.parse(inputs) + self.b}

    return HalfPlusTwo()
