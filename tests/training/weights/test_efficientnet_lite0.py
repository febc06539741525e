"""EfficientNet-Lite0 gives PyTorch's answers with PyTorch's weights, and is built for other shapes without them."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from tests.training.weights.checkpoints import write_zip

from lightship.errors import InvalidArgument
from lightship.images.prepare import prepare
from lightship.training.weights.checkpoint import read_checkpoint
from lightship.training.weights.efficientnet_lite0 import IMAGE, PREPROCESSING, efficientnet_lite0
from lightship.training.weights.imagenet import IMAGENET

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def network(lite0_file: Path) -> keras.Model:
    return efficientnet_lite0(weights=lite0_file)


@pytest.fixture(scope="module")
def answers(network: keras.Model, photos: list[Path]) -> np.ndarray:
    """The probabilities of the photos of foolbox, whose classes stand in their names."""
    return network.predict_on_batch(np.stack([prepare(photo.read_bytes(), IMAGE) for photo in photos]))


def test_the_answers_are_those_of_pytorch(answers: np.ndarray, photos: list[Path]) -> None:
    """`data/make.py` asked PyTorch's EfficientNet-Lite0 about the same pixels."""
    with np.load(DATA / "torch_answers.npz") as saved:
        for name in saved.files:
            index = [photo.name for photo in photos].index(name)
            np.testing.assert_allclose(answers[index], saved[name], rtol=0, atol=1e-4)


def test_the_dog_of_the_demo_is_a_bull_mastiff(answers: np.ndarray, photos: list[Path], dog_photo: Path) -> None:
    (row,) = answers[[photo.name for photo in photos].index(dog_photo.name) :][:1]
    assert IMAGENET.names[row.argmax()] == "bull mastiff"
    assert row.max() == pytest.approx(0.69, abs=0.01)


def test_most_photos_of_imagenet_are_recognised(answers: np.ndarray, photos: list[Path]) -> None:
    truth = [int(photo.stem.rpartition("_")[2]) for photo in photos]
    best = np.argsort(-answers, axis=1)
    assert sum(row[0] == index for row, index in zip(best, truth, strict=True)) >= 13
    assert sum(index in row[:5] for row, index in zip(best, truth, strict=True)) >= 18


def test_probabilities_sum_to_one(answers: np.ndarray) -> None:
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-4)


def test_the_layers_have_the_names_of_keras_applications(network: keras.Model) -> None:
    names = [layer.name for layer in network.layers]
    assert len(names) == len(set(names))
    for name in ("stem_conv", "block1a_dwconv", "block2b_add", "block6d_project_bn", "top_conv", "predictions"):
        assert name in names
    last = {re.match("block7|top", name)[0] for name in names if re.match("block7|top", name)}
    assert last == {"block7", "top"}


def test_it_has_the_weights_of_the_paper(network: keras.Model) -> None:
    assert network.count_params() == pytest.approx(4_694_024, abs=10)  # 4.7 million, the averages included


def test_without_its_top_it_gives_feature_maps(lite0_file: Path, network: keras.Model) -> None:
    features = efficientnet_lite0((96, 64, 3), lite0_file, include_top=False)
    assert features.output_shape == (None, 3, 2, 1280)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 96, 64, 3)).astype(np.float32)
    assert features.predict_on_batch(images).std() > 0.01
    np.testing.assert_array_equal(
        features.get_layer("block7a_project_conv").get_weights()[0],
        network.get_layer("block7a_project_conv").get_weights()[0],
    )


def test_random_weights_are_of_any_number_of_classes() -> None:
    network = efficientnet_lite0((32, 48, 3), classes=7)
    assert network.predict_on_batch(np.zeros((1, 32, 48, 3), np.float32)).shape == (1, 7)


def test_weights_that_keras_saved_are_read(tmp_path: Path) -> None:
    first = efficientnet_lite0((32, 32, 3), include_top=False)
    first.save_weights(tmp_path / "a.weights.h5")
    second = efficientnet_lite0((64, 64, 3), tmp_path / "a.weights.h5", include_top=False)
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("shape", [(224, 224, 1), (224, 224), (16, 224, 3), (None, None, 3), (224.0, 224.0, 3)])
def test_a_shape_that_is_not_possible_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(f"shape is {shape!r}")):
        efficientnet_lite0(shape)


def test_weights_for_another_number_of_classes_are_refused(lite0_file: Path) -> None:
    with pytest.raises(
        InvalidArgument, match=r"shape \(1280, 1000\) for the layer predictions, which needs \(1280, 5\)"
    ):
        efficientnet_lite0(weights=lite0_file, classes=5)


def test_weights_of_another_network_are_refused(tmp_path: Path, lite0_file: Path) -> None:
    other = write_zip(tmp_path / "other.pth", {"conv1.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(InvalidArgument, match=r"other.pth has no tensor _conv_stem.weight"):
        efficientnet_lite0(weights=other)
    tensors = dict(read_checkpoint(lite0_file))
    tensors["_bn0.running_var"] = np.full(32, np.nan, np.float32)
    broken = write_zip(tmp_path / "broken.pth", {key: np.array(value, order="C") for key, value in tensors.items()})
    with pytest.raises(InvalidArgument, match=r"numbers in the tensor _bn0.running_var that are not finite"):
        efficientnet_lite0(weights=broken)
    (tmp_path / "a.weights.h5").write_bytes(b"no weights")
    with pytest.raises(InvalidArgument, match="does not have the weights of EfficientNet-Lite0"):
        efficientnet_lite0((32, 32, 3), tmp_path / "a.weights.h5")
    with pytest.raises(InvalidArgument, match="is not a file"):
        efficientnet_lite0((32, 32, 3), tmp_path / "none.weights.h5")


def test_the_preprocessing_is_that_of_its_training() -> None:
    pixels = np.array([[[0, 127, 255]]], np.uint8)
    np.testing.assert_array_equal(PREPROCESSING.apply(pixels), np.float32([[[-127 / 128, 0, 1]]]))


def test_the_classes_of_the_photos_can_be_sifted(answers: np.ndarray, photos: list[Path]) -> None:
    dogs = answers[:, list(IMAGENET.find("dog"))].sum(axis=1)
    found = {photo.name for photo, share in zip(photos, dogs, strict=True) if share > 0.5}
    assert "imagenet_00_243.jpg" in found
