"""Which layers train, and what the frozen ones keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from tests.training.small_models import labelled, small_network

from lightship.errors import InvalidArgument
from lightship.training.freezing import set_trainable
from lightship.training.layer_table import layer_table
from lightship.training.network import with_classifier

CLASSIFIER = 8 * 3 + 3


@pytest.fixture
def model() -> keras.Model:
    return with_classifier(small_network(), 3)


@pytest.mark.parametrize(
    ("unfreeze", "names", "weights"),
    [
        (None, (), 0),
        ([], (), 0),
        ("all", ("block1_conv", "block1_bn", "block2_conv", "block2_bn"), 112 + 8 + 296 + 16),
        (["block2"], ("block2_conv", "block2_bn"), 296 + 16),
        (["_conv$"], ("block1_conv", "block2_conv"), 112 + 296),
        (["^block1_bn$", "block2_c.*"], ("block1_bn", "block2_conv"), 8 + 296),
    ],
)
def test_the_classifier_trains_and_what_the_expressions_find(
    model: keras.Model, unfreeze: Any, names: Sequence[str], weights: int
) -> None:
    set_trainable(model, unfreeze)
    table = layer_table(model)
    assert [layer.name for layer in table if layer.trains] == [*names, "transfer_classes"]
    assert table.trainable_weights == weights + CLASSIFIER


def test_it_can_be_changed_again(model: keras.Model) -> None:
    set_trainable(model, "all")
    set_trainable(model, None)
    assert layer_table(model).trainable_weights == CLASSIFIER


def test_frozen_batch_normalisation_keeps_its_means(model: keras.Model) -> None:
    set_trainable(model, ["block2"])
    model.compile("sgd", "categorical_crossentropy")
    frozen, other = model.get_layer("block1_bn"), model.get_layer("block2_bn")
    before, moved = [weight.numpy() for weight in frozen.weights], other.moving_mean.numpy()
    images, labels = labelled(2)
    model.fit(images / np.float32(255), labels, verbose=0)
    assert all(np.array_equal(old, new.numpy()) for old, new in zip(before, frozen.weights, strict=True))
    assert not np.array_equal(moved, other.moving_mean.numpy())


def test_layers_of_a_model_in_the_model_are_found_by_both_names() -> None:
    images = keras.Input((16, 16, 3))
    model = with_classifier(keras.Model(images, small_network()(images)), 3)
    set_trainable(model, ["small/block2_conv"])
    assert [layer.name for layer in layer_table(model) if layer.trains] == ["small/block2_conv", "transfer_classes"]


def test_the_last_layer_of_another_model_is_its_classifier() -> None:
    images = keras.Input((4,))
    model = keras.Model(images, keras.layers.Dense(2, name="last")(keras.layers.Dense(3, name="first")(images)))
    set_trainable(model, None)
    assert [layer.name for layer in layer_table(model) if layer.trains] == ["last"]


@pytest.mark.parametrize(
    ("unfreeze", "text"),
    [
        ("All", "unfreeze is 'All'; did you mean 'all'"),
        ("block2", r"give None .* such as \['block2'\]"),
        (["blok2_conv"], "matches no layer: did you mean 'block2_conv'"),
        (["conv5"], r"matches no layer: .*block1_conv, block1_bn, .*TransferModel\.freeze"),
        (["_out"], "matches only layers without weights, such as block1_out"),
        (["block(2"], r"'block\(2', which is not a regular expression: "),
        ([2], "unfreeze contains 2"),
        (2, "unfreeze is 2"),
        (["block2", "transfer_classes"], "matches no layer"),
    ],
)
def test_what_finds_nothing_is_refused_and_changes_nothing(model: keras.Model, unfreeze: Any, text: str) -> None:
    before = repr(layer_table(model))
    with pytest.raises(InvalidArgument, match=text):
        set_trainable(model, unfreeze)
    assert repr(layer_table(model)) == before
