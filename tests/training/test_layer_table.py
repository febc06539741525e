"""The table of layers, and whether they train."""

from __future__ import annotations

import keras
import pytest
from tests.training.small_models import small_network

from lightship.training.layer_table import Layer, LayerTable, layer_table


@pytest.fixture(scope="module")
def table() -> LayerTable:
    network = small_network()
    network.get_layer("block1_conv").trainable = False
    inner = keras.Sequential([keras.Input((4, 4, 8)), keras.layers.Flatten(name="flat")], name="inner")
    return layer_table(keras.Model(network.input, inner(network.output)))


def test_it_has_every_layer_with_its_weights(table: LayerTable) -> None:
    assert [layer.name for layer in table][:4] == ["photo", "block1_conv", "block1_bn", "block1_out"]
    assert table[1] == Layer("block1_conv", "Conv2D", 3 * 3 * 3 * 4 + 4, 0)
    assert not table[1].trains
    assert table[2] == Layer("block1_bn", "BatchNormalization", 16, 8)
    assert table[2].trains


def test_layers_of_a_model_in_the_model_have_both_names(table: LayerTable) -> None:
    assert table[-1] == Layer("inner/flat", "Flatten", 0, 0)


def test_it_counts_what_trains(table: LayerTable) -> None:
    assert table.weights == 112 + 16 + 296 + 32
    assert table.trainable_weights == 8 + 296 + 16
    assert len(table[1:3]) == 2
    assert table[1:3].weights == 128


def test_it_is_printed_as_a_table(table: LayerTable) -> None:
    lines = repr(table[:3]).splitlines()
    assert lines == [
        "layer        type                weights  trains",
        "photo        InputLayer                0",
        "block1_conv  Conv2D                  112  no",
        "block1_bn    BatchNormalization       16  yes",
        "8 of 128 weights train",
    ]


def test_a_notebook_shows_it_with_names_escaped() -> None:
    shown = LayerTable([Layer("<b>", "Dense", 1000, 1000)])._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "1,000 of 1,000 weights train" in shown


def test_an_empty_one_can_be_printed() -> None:
    assert repr(LayerTable([])).splitlines()[-1] == "0 of 0 weights train"
