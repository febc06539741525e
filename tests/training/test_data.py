"""Data that does not fit is refused in one line, before Keras fails on it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.training.small_models import labelled, small_network

from lightship.errors import InvalidArgument
from lightship.training.data import check_images, check_labelled, first_images, keras_arguments
from lightship.training.network import with_classifier

IMAGES, LABELS = labelled(2)
PAIRS = tf.data.Dataset.from_tensor_slices((IMAGES.astype(np.float32), LABELS))
INDICES = LABELS.argmax(axis=1)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    made = with_classifier(small_network(), 3)
    made.compile("sgd", "categorical_crossentropy")
    return made


def dataset(*parts: Any) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(4)


@pytest.mark.parametrize("data", [PAIRS.batch(4), (IMAGES, LABELS), [IMAGES, LABELS], iter([(IMAGES, LABELS)])])
def test_data_that_fits_passes(model: keras.Model, data: Any) -> None:
    check_labelled(data, model, "ds_train")
    check_images(data, model, "ds_new")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (PAIRS, r"ds_train has single images \(16, 16, 3\), not batches: give dataset\.batch\(32\)"),
        (dataset(IMAGES), "ds_train has images without labels"),
        (dataset(IMAGES[:, :8], LABELS), r"ds_train has images \(8, 16, 3\), but the model takes \(16, 16, 3\)"),
        ((IMAGES[..., 0], LABELS), "not batches"),
        ((IMAGES[:0], LABELS[:0]), "ds_train has no images: check what it is made of"),
        (PAIRS.batch(4).skip(100), "ds_train has no images"),
        (dataset(IMAGES, INDICES), "labels that are indices, .*loss='sparse_categorical_crossentropy'"),
        ((IMAGES, INDICES), "labels that are indices"),
        (dataset(IMAGES, LABELS[:, :2]), "labels of 2 classes, but the model has 3"),
        (10, "ds_train is 10; give a tf.data.Dataset"),
        ("photos", "ds_train is 'photos'"),
        (None, "ds_train is None"),
    ],
)
def test_data_that_does_not_fit_is_refused(model: keras.Model, data: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        check_labelled(data, model, "ds_train")


def test_the_loss_for_indices_refuses_one_hot_labels(model: keras.Model) -> None:
    sparse = with_classifier(small_network(), 3)
    sparse.compile("sgd", "sparse_categorical_crossentropy")
    check_labelled(dataset(IMAGES, INDICES), sparse, "ds_train")
    with pytest.raises(InvalidArgument, match="one-hot labels, .*loss='categorical_crossentropy'"):
        check_labelled(dataset(IMAGES, LABELS), sparse, "ds_train")


def test_images_to_predict_need_no_labels(model: keras.Model) -> None:
    check_images(IMAGES, model, "ds_new")
    check_images(dataset(IMAGES), model, "ds_new")
    with pytest.raises(InvalidArgument, match="ds_new has single images"):
        check_images(IMAGES[0], model, "ds_new")


def test_the_first_images_are_looked_at_where_that_changes_nothing() -> None:
    assert np.array_equal(first_images((IMAGES, LABELS)), IMAGES)
    assert np.array_equal(first_images(PAIRS.batch(4)), IMAGES[:4])
    assert np.array_equal(first_images(dataset(IMAGES)), IMAGES[:4])
    assert first_images(iter([(IMAGES, LABELS)])) is None
    assert first_images(PAIRS.batch(4).take(0)) is None


def test_a_pair_of_arrays_is_given_to_keras_as_two_arguments() -> None:
    assert list(keras_arguments((IMAGES, LABELS))) == ["x", "y"]
    assert list(keras_arguments(PAIRS)) == ["x"]
