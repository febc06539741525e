"""The layers of a model, and whether they train: `TransferModel.freeze`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from lightship.printable import printable

if TYPE_CHECKING:
    import keras

_HEADER = ("layer", "type", "weights", "trains")


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a model."""

    # For a layer of a model within the model, both names with a slash: "encoder/conv1".
    name: str
    # The name of its class, such as "Conv2D".
    type: str
    # How many numbers its weights are, and how many of them training changes.
    weights: int
    trainable_weights: int

    @property
    def trains(self) -> bool:
        """Whether training changes any of its weights."""
        return self.trainable_weights > 0


class LayerTable(Sequence[Layer]):
    """The layers of a model in their order. Printed, and in a notebook, it is a table."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        self._layers = tuple(layers)

    @property
    def weights(self) -> int:
        """How many numbers all weights are."""
        return sum(layer.weights for layer in self._layers)

    @property
    def trainable_weights(self) -> int:
        """How many of these numbers training changes."""
        return sum(layer.trainable_weights for layer in self._layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> LayerTable: ...
    def __getitem__(self, index: int | slice) -> Layer | LayerTable:
        return LayerTable(self._layers[index]) if isinstance(index, slice) else self._layers[index]

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        rows = [_HEADER, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
        lines = [
            f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {weights:>{widths[2]}}  {trains}"
            for name, kind, weights, trains in rows
        ]
        return "\n".join([*(line.rstrip() for line in lines), self._summary()])

    def _repr_html_(self) -> str:
        from lightship import notebook

        return notebook.table(self._summary(), self._rows(), _HEADER)

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        for one in self._layers:
            trains = ("yes" if one.trains else "no") if one.weights else ""
            yield printable(one.name), printable(one.type), f"{one.weights:,}", trains

    def _summary(self) -> str:
        return f"{self.trainable_weights:,} of {self.weights:,} weights train"


def layer_table(model: keras.Model) -> LayerTable:
    """Returns the table of a Keras model, with the layers of the models in it."""
    return LayerTable(_described(name, layer) for name, layer in named_layers(model))


def named_layers(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Yields the layers of a model, and those of the models in it, with the names that `Layer` describes."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from ((f"{layer.name}/{name}", inner) for name, inner in named_layers(layer))
        else:
            yield layer.name, layer


def _described(name: str, layer: Any) -> Layer:
    return Layer(name, type(layer).__name__, _numbers(layer.weights), _numbers(layer.trainable_weights))


def _numbers(variables: Iterable[Any]) -> int:
    total = 0
    for variable in variables:
        size = 1
        for one in variable.shape:
            size *= one
        total += size
    return total
