"""Finds out from the first layers of a Keras model whether it preprocesses the pixels of images itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras

# Layers and operations that change the range of pixels. `preprocess_input` in a model consists of such operations.
_SCALE = frozenset({"Add", "Divide", "Multiply", "Normalization", "Rescaling", "Subtract", "TrueDivide"})
# Those that may come before, and leave the range as it is. So do the ones whose names begin with Random.
_KEEP = frozenset({"Cast", "CenterCrop", "Flip", "GetItem", "Identity", "InputLayer", "Resizing", "Stack"})


def scales_pixels(model: Any) -> bool:
    """Returns whether the first layer that changes the values of pixels scales or shifts them."""
    for layer in _in_order(model):
        name = type(layer).__name__
        if name in _SCALE:
            return True
        if name not in _KEEP and not name.startswith("Random"):
            return False
    return False


def _in_order(model: Any) -> Iterator[Any]:
    """Yields the layers and operations of a model, with those of the models in it, from the input on."""
    layers: Iterable[Any] = getattr(model, "operations", None) or getattr(model, "layers", None) or ()
    for one in layers:
        if isinstance(one, keras.Model):
            yield from _in_order(one)
        else:
            yield one
