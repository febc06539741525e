"""Small models of every kind, and one bundle of such a model that tests read."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.images.spec import ImageSpec
from lightship.packaging import export

PETS = ["cat", "dog", "bär"]
DATA = Path(__file__).parent / "data"
SPEC = ImageSpec(family="tensorflow", preprocessing="mobilenet_v2")


@pytest.fixture(autouse=True)
def same_weights_each_time() -> None:
    """Gives the random weights of every test the same values in each run.

    A few random weights make a model whose answers hardly differ, which an export warns about.
    """
    keras.utils.set_random_seed(1)


def classifier(shape: tuple[int | None, ...] = (16, 16, 3), classes: int = 3, seed: int = 1) -> keras.Model:
    """Random weights whose answers differ much from image to image."""
    keras.utils.set_random_seed(seed)
    photo = keras.Input(shape, name="photo")
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(photo)
    x = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(x), keras.layers.GlobalMaxPooling2D()(x)])
    large = keras.initializers.RandomNormal(stddev=2.0)
    return keras.Model(photo, keras.layers.Dense(classes, "softmax", kernel_initializer=large, name="breed")(x))


@pytest.fixture(scope="session")
def model() -> keras.Model:
    return classifier()


@pytest.fixture(scope="session")
def pets(tmp_path_factory: pytest.TempPathFactory, model: keras.Model) -> Path:
    """`models/pets` with version 1 of `model`. Copy it before changing anything in it."""
    folder = tmp_path_factory.mktemp("models") / "pets"
    export(model, folder, classes=PETS, image=SPEC)
    return folder


@pytest.fixture(scope="session")
def keras2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older layout, `model/` of Keras 2 and `classes.pickle` of pandas 1.5."""
    folder = tmp_path_factory.mktemp("keras2")
    shutil.unpack_archive(DATA / "keras2_saved_model.zip", folder)
    shutil.copyfile(DATA / "classes_pandas_1.5.3_2.pickle", folder / "classes.pickle")
    return folder


@functools.lru_cache(maxsize=1)
def _loaded(version: Path, _written: int) -> Any:
    """A version folder, for the signatures that a test calls one after the other: a load takes up to a second."""
    import tensorflow as tf

    return tf.saved_model.load(str(version))


def signature(version: Path, name: str = "serving_default") -> Callable[..., dict[str, NDArray[Any]]]:
    """A signature of a version folder, loaded by TensorFlow alone."""
    import tensorflow as tf

    loaded = _loaded(version, (version / "saved_model.pb").stat().st_mtime_ns)

    def call(**inputs: Any) -> dict[str, NDArray[Any]]:
        outputs = loaded.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in outputs.items()}

    call.keep = loaded  # type: ignore[attr-defined]  # its variables end with it
    return call


def example(encoded: bytes) -> bytes:
    import tensorflow as tf

    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded]))
    return tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature})).SerializeToString()


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def images(count: int = 2, size: int = 16) -> NDArray[np.float32]:
    return np.random.default_rng(5).uniform(-1, 1, (count, size, size, 3)).astype(np.float32)
