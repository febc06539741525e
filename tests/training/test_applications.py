"""The networks of `keras.applications`, without their classifiers, and the files of their weights."""

from __future__ import annotations

import hashlib
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.training.small_models import small_network

from lightship.errors import InvalidArgument, NotFound, Unavailable
from lightship.training import applications
from lightship.training.bases import BASE_NAMES, Shape, find_base
from lightship.training.freezing import set_trainable
from lightship.training.layer_table import layer_table
from lightship.training.network import with_classifier

SMALL: Shape = (32, 32, 3)


@pytest.fixture(autouse=True)
def free_memory() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def weights_of(model: keras.Model) -> list[NDArray[Any]]:
    return [weight.numpy() for weight in model.weights]


def same(one: keras.Model, other: keras.Model) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights_of(one), weights_of(other), strict=True))


# Expressions for the last part of each network, and how many numbers the whole network can train.
PARTS = {
    "resnet50v2": (["^conv5_block3_", "^post_bn"], 23_519_360),
    "mobilenetv2": (["^block_16_", "^Conv_1"], 2_223_872),
    "efficientnetb0": (["^top_", "^block7a"], 4_007_548),
    "efficientnet-lite0": (["^top_", "^block7a"], 3_371_008),
    "vgg16": (["block5"], 14_714_688),
}


@pytest.mark.parametrize("name", BASE_NAMES)
def test_what_trains_is_counted_for_every_base(name: str) -> None:
    network = find_base(name).build(SMALL, weights=None)
    assert network.output_shape[:3] == (None, 1, 1)
    model = with_classifier(network, 3)
    classifier = network.output_shape[-1] * 3 + 3
    patterns, everything = PARTS[name]

    set_trainable(model, None)
    assert layer_table(model).trainable_weights == classifier
    set_trainable(model, "all")
    assert layer_table(model).trainable_weights == everything + classifier
    set_trainable(model, patterns)
    named = [layer for layer in network.layers if any(layer.name.startswith(one.strip("^")) for one in patterns)]
    numbers = sum(int(np.prod(weight.shape)) for layer in named for weight in layer.trainable_weights)
    assert 0 < numbers < everything
    assert layer_table(model).trainable_weights == numbers + classifier


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_file_of_its_weights_is_loaded(tmp_path: Path, suffix: str) -> None:
    saved = find_base("mobilenetv2").build(SMALL, weights=None)
    path = tmp_path / f"weights{suffix}"
    saved.save_weights(path) if suffix == ".weights.h5" else saved.save(path)
    assert same(find_base("mobilenetv2").build((48, 32, 3), weights=path), saved)


def test_a_file_of_the_network_with_its_imagenet_classifier_is_loaded(tmp_path: Path) -> None:
    whole = keras.applications.MobileNetV2(weights=None)
    whole.save_weights(tmp_path / "whole.weights.h5")
    network = find_base("mobilenetv2").build(SMALL, weights=str(tmp_path / "whole.weights.h5"))
    saved = keras.Model(whole.input, whole.get_layer(network.layers[-1].name).output)
    assert same(network, saved)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    small_network().save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(InvalidArgument, match=r"other\.weights\.h5 does not have the weights of MobileNetV2"):
        find_base("mobilenetv2").build(SMALL, weights=tmp_path / "other.weights.h5")


def test_the_official_file_normalises_as_the_download_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras adds a layer to EfficientNetB0 when it downloads the weights, and leaves it out when it has their path."""
    path = tmp_path / "official.weights.h5"
    saved = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=SMALL)
    saved.layers[2].set_weights([np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225]), np.int64(0)])
    saved.save_weights(path)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(path))
    downloaded = normalised(find_base("efficientnetb0").build(SMALL))
    plain = normalised(find_base("efficientnetb0").build(SMALL, weights=path))
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(applications, "_OFFICIAL_EFFICIENTNETB0", frozenset({md5}))
    official = normalised(find_base("efficientnetb0").build(SMALL, weights=path))
    assert np.allclose(official, downloaded, rtol=1e-4, atol=1e-5)
    assert not np.allclose(plain, downloaded, rtol=0.1)


def normalised(network: keras.Model) -> NDArray[Any]:
    """What comes to the first convolution of EfficientNetB0."""
    pixels = np.random.default_rng(1).uniform(0, 255, (2, *SMALL)).astype(np.float32)
    return keras.Model(network.inputs[0], network.get_layer("stem_conv_pad").output)(pixels).numpy()


def test_without_a_network_the_error_says_what_else_to_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", fail)
    monkeypatch.setattr("keras.src.backend.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(
        Unavailable, match=r"MobileNetV2 cannot be downloaded: URL fetch .*--weights PATH.*weights=None"
    ):
        find_base("mobilenetv2").build((96, 96, 3))


def test_what_does_not_fit_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    resnet = find_base("resnet")
    with pytest.raises(InvalidArgument, match=r"shape is \(31, 32, 3\); ResNet50V2 takes images of at least 32 x 32"):
        resnet.build((31, 32, 3), weights=None)
    with pytest.raises(InvalidArgument, match="for 3 channels: give weights=None"):
        resnet.build((32, 32, 1))
    with pytest.raises(NotFound, match=r"missing\.h5 does not exist"):
        resnet.build(SMALL, weights=tmp_path / "missing.h5")
    with pytest.raises(InvalidArgument, match="weights is 'imagnet'; give 'imagenet', None, or a file"):
        resnet.build(SMALL, weights="imagnet")


def test_one_channel_works_without_weights() -> None:
    assert find_base("mobilenetv2").build((32, 32, 1), weights=None).input_shape == (None, 32, 32, 1)
