"""Trains image classifiers by transfer learning, and has the networks that it begins with. Needs TensorFlow and Keras.

Names are imported when they are first used, because importing TensorFlow takes seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightship.training.transfer_model import TransferModel

__all__ = ["TransferModel"]

_HOME = {"TransferModel": "lightship.training.transfer_model"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lightship.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
