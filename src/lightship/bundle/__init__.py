"""What a version folder holds, read without TensorFlow.

Names are imported when first used: a client that prepares an image does not pay for protobuf.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightship.bundle.bundle import Bundle, open_bundle
    from lightship.bundle.decode import MAX_PIXELS, decode_image
    from lightship.bundle.dtypes import DataType
    from lightship.bundle.golden import Golden
    from lightship.bundle.image_spec import ImageSpec
    from lightship.bundle.labels import read_classes
    from lightship.bundle.manifest import Manifest
    from lightship.bundle.preprocessing import PREPROCESSING_NAMES, Preprocessing
    from lightship.bundle.saved_model import SavedModel, Signature, TensorSpec, read_saved_model
    from lightship.bundle.versions import explain_model_folder, list_versions

_HOME = {
    "Bundle": "lightship.bundle.bundle",
    "DataType": "lightship.bundle.dtypes",
    "decode_image": "lightship.bundle.decode",
    "explain_model_folder": "lightship.bundle.versions",
    "Golden": "lightship.bundle.golden",
    "ImageSpec": "lightship.bundle.image_spec",
    "list_versions": "lightship.bundle.versions",
    "Manifest": "lightship.bundle.manifest",
    "MAX_PIXELS": "lightship.bundle.decode",
    "open_bundle": "lightship.bundle.bundle",
    "Preprocessing": "lightship.bundle.preprocessing",
    "PREPROCESSING_NAMES": "lightship.bundle.preprocessing",
    "read_classes": "lightship.bundle.labels",
    "read_saved_model": "lightship.bundle.saved_model",
    "SavedModel": "lightship.bundle.saved_model",
    "Signature": "lightship.bundle.saved_model",
    "TensorSpec": "lightship.bundle.saved_model",
}

__all__ = [
    "MAX_PIXELS",
    "PREPROCESSING_NAMES",
    "Bundle",
    "DataType",
    "Golden",
    "ImageSpec",
    "Manifest",
    "Preprocessing",
    "SavedModel",
    "Signature",
    "TensorSpec",
    "decode_image",
    "explain_model_folder",
    "list_versions",
    "open_bundle",
    "read_classes",
    "read_saved_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lightship.bundle' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
