"""One row of the table in docs/reference/coverage.md: a model, and the inputs that it is asked with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Inputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of model."""

    # The heading under which the row stands, such as "Text".
    group: str
    # What the model is, in the words of its users.
    name: str
    # Writes the model as a SavedModel into an empty folder. It imports TensorFlow.
    save: Callable[[Path], None]
    # What each signature is asked with. The first inputs of the first signature are those that are timed.
    asks: Mapping[str, Sequence[Inputs]]

    @property
    def timed(self) -> tuple[str, Inputs]:
        signature, inputs = next(iter(self.asks.items()))
        return signature, inputs[0]


def strings(values: Any) -> NDArray[Any]:
    """Returns an array of bytes. Texts are encoded as UTF-8."""
    array = np.asarray(values, object)
    encoded = [one.encode() if isinstance(one, str) else one for one in array.ravel()]
    made = np.empty(len(encoded), object)
    made[:] = encoded
    return made.reshape(array.shape)


def export(model: Any, folder: Path) -> None:
    """Exports a Keras model, as its users do."""
    model.export(str(folder), verbose=False)


def seeded() -> Any:
    """Returns Keras, which makes the same weights from now on."""
    import keras

    keras.utils.set_random_seed(1)
    return keras
