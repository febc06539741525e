"""Trains image classifiers by transfer learning, and has the networks that it begins with. Needs TensorFlow and Keras.

Names are imported when they are first used, because importing TensorFlow takes seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightship.training.history import History
    from lightship.training.layer_table import Layer, LayerTable
    from lightship.training.pixel_range import PreprocessingMismatchWarning
    from lightship.training.transfer_model import TransferModel

__all__ = ["History", "Layer", "LayerTable", "PreprocessingMismatchWarning", "TransferModel"]

_HOME = {
    "History": "lightship.training.history",
    "Layer": "lightship.training.layer_table",
    "LayerTable": "lightship.training.layer_table",
    "PreprocessingMismatchWarning": "lightship.training.pixel_range",
    "TransferModel": "lightship.training.transfer_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lightship.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
