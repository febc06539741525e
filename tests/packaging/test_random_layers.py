"""Layers that change their inputs at random while a model is trained do nothing in an exported one."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import lightship
from lightship.engines import load_engine
from lightship.errors import FailedPrecondition
from lightship.packaging.written_graph import random_operation
from lightship.saved_model.reader import read_saved_model

LAYERS = {
    "brightness": lambda: keras.layers.RandomBrightness(0.5, value_range=(0, 1)),
    "contrast": lambda: keras.layers.RandomContrast(0.5, value_range=(0, 1)),
    "dropout": lambda: keras.layers.Dropout(0.5),
    "flip": lambda: keras.layers.RandomFlip(),
    "nested": lambda: keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.2)]),
    "noise": lambda: keras.layers.GaussianNoise(1.0),
    "rotation": lambda: keras.layers.RandomRotation(0.3),
    "translation": lambda: keras.layers.RandomTranslation(0.3, 0.3),
    "zoom": lambda: keras.layers.RandomZoom(0.3),
}


def classifier(augmentation: keras.Layer) -> keras.Model:
    layers = [keras.Input((12, 12, 3)), augmentation, keras.layers.Flatten(), keras.layers.Dense(3)]
    return keras.Sequential(layers)


@pytest.mark.parametrize("name", LAYERS)
def test_an_exported_model_answers_as_predict(tmp_path: Path, name: str) -> None:
    model = classifier(LAYERS[name]())
    version = lightship.export(model, tmp_path / "m", image=False, explain=False)
    images = np.random.default_rng(2).random((2, 12, 12, 3), np.float32)
    saved = read_saved_model(version)
    engine = load_engine(version, saved)
    try:
        (given,) = saved.signatures["serving_default"].inputs
        (answer,) = engine.run("serving_default", {given: images}).values()
        assert np.abs(answer - model.predict(images, verbose=0)).max() < 1e-4
        assert engine.engine_of("serving_default") == "openvino"
    finally:
        engine.close()


def test_a_saved_model_that_draws_random_numbers_is_told_so(tmp_path: Path) -> None:
    class Random(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
        def answer(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": x + tf.raw_ops.RandomUniform(shape=[4], dtype=tf.float32)}

    module = Random()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.answer)
    with pytest.raises(FailedPrecondition, match=r"the graph has RandomUniform \(.*\), which draws random numbers, so"):
        lightship.export(str(tmp_path / "saved"), tmp_path / "m", image=False)
    assert not (tmp_path / "m").exists()


@pytest.mark.filterwarnings("ignore::lightship.packaging.UninformativeGoldenWarning")
def test_a_saved_model_with_layers_at_work_is_told_so_however_little_they_change(tmp_path: Path) -> None:
    """Behind a Rescaling, the noise of the golden sample is so small that answers are the same within tolerance."""
    layers = [keras.layers.RandomContrast(0.3), keras.layers.Rescaling(1e-6), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Dense(2, activation="softmax")])
    model.export(str(tmp_path / "saved"), verbose=False)
    with pytest.raises(FailedPrecondition, match="which draws random numbers"):
        lightship.export(str(tmp_path / "saved"), tmp_path / "m", image=False)
    assert lightship.export(model, tmp_path / "m", image=False).name == "1"


def test_random_numbers_in_a_branch_that_is_not_taken_do_not_count(tmp_path: Path) -> None:
    """As in models of TensorFlow 1, where a placeholder with a default says whether they are trained."""

    class Old(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
        def answer(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            training = tf.compat.v1.placeholder_with_default(False, [])
            return {
                "y": tf.cond(training, lambda: x * tf.raw_ops.RandomUniform(shape=[4], dtype=tf.float32), lambda: x)
            }

    module = Old()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.answer)
    assert random_operation(tmp_path / "saved").startswith("RandomUniform (")
    assert lightship.export(str(tmp_path / "saved"), tmp_path / "m", image=False).name == "1"


def test_numbers_from_a_constant_seed_are_the_same_at_each_call(tmp_path: Path) -> None:
    class Seeded(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
        def answer(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": x + tf.random.stateless_uniform([4], seed=[1, 2])}

    module = Seeded()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.answer)
    assert lightship.export(str(tmp_path / "saved"), tmp_path / "m", image=False).name == "1"
