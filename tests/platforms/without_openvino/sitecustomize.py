"""Hides OpenVINO and TensorFlow from every Python with this folder in PYTHONPATH, as on a Mac with an Intel chip."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from typing import Any

_HIDDEN = ("openvino", "tensorflow", "keras")
_version, _find_spec = importlib.metadata.version, importlib.util.find_spec


def _hidden_version(name: str) -> str:
    if name in _HIDDEN:
        raise importlib.metadata.PackageNotFoundError(name)
    return _version(name)


def _hidden_spec(name: str, *more: Any) -> Any:
    return None if name.split(".")[0] in _HIDDEN else _find_spec(name, *more)


sys.modules.update(dict.fromkeys(_HIDDEN))  # type: ignore[arg-type]
importlib.metadata.version, importlib.util.find_spec = _hidden_version, _hidden_spec
