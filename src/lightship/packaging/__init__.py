"""Exports a trained model as a bundle that TensorFlow Serving and Lightship can load. Needs TensorFlow and Keras.

Names are imported when they are first used, because importing TensorFlow takes seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightship.packaging.exporting import export
    from lightship.packaging.golden_sample import UninformativeGoldenWarning
    from lightship.packaging.missing_image import MissingImageSpecWarning
    from lightship.packaging.preprocessed_twice import PreprocessedTwiceWarning

__all__ = [
    "MissingImageSpecWarning",
    "PreprocessedTwiceWarning",
    "UninformativeGoldenWarning",
    "export",
]

_HOME = {
    "MissingImageSpecWarning": "lightship.packaging.missing_image",
    "PreprocessedTwiceWarning": "lightship.packaging.preprocessed_twice",
    "UninformativeGoldenWarning": "lightship.packaging.golden_sample",
    "export": "lightship.packaging.exporting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lightship.packaging' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
