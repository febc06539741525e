"""Decides which layers of a model train: `unfreeze` of a `TransferModel`.

A BatchNormalization layer that is frozen also keeps its means and variances: Keras runs it as in inference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from lightship.errors import InvalidArgument
from lightship.training.layer_table import named_layers

if TYPE_CHECKING:
    import keras

# None: the classifier alone; "all": every layer; or regular expressions for names of layers.
Unfreeze = str | Sequence[str] | None

_SHOWN = 5  # layers that an error names


def set_trainable(model: keras.Model, unfreeze: Unfreeze) -> None:
    """Makes the classifier train, and of the other layers those that `unfreeze` says. The others are frozen.

    Compile the model again afterwards. Raises InvalidArgument for an expression that is invalid, or that matches no
    layer with weights, and for other values of `unfreeze`; then nothing has changed.
    """
    from lightship.training.network import classifier_layers

    classifier = {id(layer) for layer in classifier_layers(model)}
    layers = [(name, layer) for name, layer in named_layers(model) if id(layer) not in classifier]
    chosen = _chosen(layers, unfreeze)
    model.trainable = True
    for name, layer in layers:
        layer.trainable = name in chosen


def _chosen(layers: Sequence[tuple[str, Any]], unfreeze: Unfreeze) -> set[str]:
    if unfreeze is None:
        return set()
    if isinstance(unfreeze, str):
        if unfreeze != "all":
            raise InvalidArgument(_no_string(unfreeze))
        return {name for name, _ in layers}
    if not isinstance(unfreeze, Sequence) and not hasattr(unfreeze, "__iter__"):
        raise InvalidArgument(f"unfreeze is {unfreeze!r}; {_EXPECTED}")
    return {name for pattern in unfreeze for name in _found(layers, pattern)}


_EXPECTED = "give None for the classifier alone, 'all', or a list of regular expressions for names of layers"


def _no_string(unfreeze: str) -> str:
    if get_close_matches(unfreeze.lower(), ["all"], 1):
        return f"unfreeze is {unfreeze!r}; did you mean 'all'?"
    return f"unfreeze is {unfreeze!r}; {_EXPECTED}, such as {[unfreeze]!r}"


def _found(layers: Sequence[tuple[str, Any]], pattern: object) -> list[str]:
    if not isinstance(pattern, str):
        raise InvalidArgument(f"unfreeze contains {pattern!r}; {_EXPECTED}")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InvalidArgument(f"unfreeze contains {pattern!r}, which is not a regular expression: {error}") from error
    found = [(name, layer) for name, layer in layers if expression.search(name)]
    if any(layer.weights for _, layer in found):
        return [name for name, _ in found]
    if found:
        raise InvalidArgument(
            f"unfreeze contains {pattern!r}, which matches only layers without weights, such as {found[0][0]}: "
            "TransferModel.freeze lists all layers"
        )
    raise InvalidArgument(f"unfreeze contains {pattern!r}, which matches no layer: {_hint(layers, pattern)}")


def _hint(layers: Sequence[tuple[str, Any]], pattern: str) -> str:
    names = [name for name, layer in layers if layer.weights]
    close = get_close_matches(pattern, names, 1)
    some = ", ".join(names[:_SHOWN])
    return f"did you mean {close[0]!r}?" if close else f"the layers are {some}, ...; TransferModel.freeze lists them"
