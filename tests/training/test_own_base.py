"""A user's own Keras model as the network to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.training.small_models import SHAPE, labelled, small_base, small_network

from lightship.errors import InvalidArgument
from lightship.training.bases import find_base
from lightship.training.own_base import without_classifier

IMAGES = labelled(1)[0] / np.float32(255)


def pooled(network: keras.Model, *layers: Any) -> keras.Model:
    x = keras.layers.GlobalAveragePooling2D()(network.output)
    for layer in layers:
        x = layer(x)
    return keras.Model(network.input, x)


@pytest.mark.parametrize(
    "end",
    [
        [keras.layers.Dense(5, "softmax")],
        [keras.layers.Dropout(0.2), keras.layers.Dense(5, "sigmoid")],
        [keras.layers.Dense(5), keras.layers.Softmax()],
        [keras.layers.Dense(5), keras.layers.Activation("softmax")],
    ],
    ids=["softmax", "dropout", "softmax layer", "activation layer"],
)
def test_the_classifier_is_left_out(end: list[Any]) -> None:
    network = small_network()
    features = without_classifier(pooled(network, *end), "my.keras")
    assert features.output_shape == (None, 4, 4, 8)
    assert np.array_equal(features.predict(IMAGES, verbose=0), network.predict(IMAGES, verbose=0))


@pytest.mark.parametrize(
    "end", [[], [keras.layers.Dense(6)], [keras.layers.Dense(6, "relu")]], ids=["pooled", "linear", "relu"]
)
def test_features_stay_as_they_are(end: list[Any]) -> None:
    model = pooled(small_network(), *end)
    assert without_classifier(model, "my.keras") is model


def test_a_hidden_layer_before_the_classifier_stays() -> None:
    model = pooled(small_network(), keras.layers.Dense(6, "relu", name="hidden"), keras.layers.Dense(5, "softmax"))
    assert without_classifier(model, "my.keras").layers[-1].name == "hidden"


def test_a_sequential_model_with_a_network_in_it_works() -> None:
    layers = [
        keras.Input(SHAPE),
        small_network(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, "softmax"),
    ]
    assert without_classifier(keras.Sequential(layers), "my.keras").output_shape == (None, 4, 4, 8)


def test_it_is_read_from_its_file_with_its_weights(tmp_path: Path) -> None:
    network = find_base(small_base(tmp_path)).build()
    assert np.array_equal(network.predict(IMAGES, verbose=0), small_network().predict(IMAGES, verbose=0))


def test_a_network_for_any_size_gets_one(tmp_path: Path) -> None:
    base = find_base(small_base(tmp_path, shape=(None, None, 3)))
    network = base.build((16, 16, 3))
    assert network.input_shape == (None, 16, 16, 3)
    assert np.array_equal(network.predict(IMAGES, verbose=0), small_network().predict(IMAGES, verbose=0))
    with pytest.raises(InvalidArgument, match="images of any size"):
        base.build()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    base = find_base(small_base(tmp_path))
    with pytest.raises(
        InvalidArgument, match=r"shape is \(32, 32, 3\), but .*small.keras takes images of \(16, 16, 3\)"
    ):
        base.build((32, 32, 3))
    with pytest.raises(InvalidArgument, match="has its own weights: leave weights out"):
        base.build(weights="other.h5")
    (tmp_path / "broken.keras").write_bytes(b"PK")
    with pytest.raises(InvalidArgument, match=r"broken\.keras is not a \.keras file"):
        find_base(tmp_path / "broken.keras").build()
    numbers = keras.Input((4,))
    keras.Model(numbers, keras.layers.Dense(2)(numbers)).save(tmp_path / "numbers.keras")
    with pytest.raises(InvalidArgument, match=r"takes inputs of shape \(4,\), not images"):
        find_base(tmp_path / "numbers.keras").build()
