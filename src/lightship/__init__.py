"""Lightship: from a trained Keras model to answers behind TensorFlow Serving's API.

Names are imported when first used, so that a client does not pay for the server, nor a server for TensorFlow.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # `typing` takes 10 ms to import, and commands handle signals only after this module
if TYPE_CHECKING:
    from typing import Any

    from lightship import docker, errors
    from lightship.client import AsyncClient, Client, Explanation, Rise
    from lightship.errors import LightshipError
    from lightship.images.spec import ImageSpec
    from lightship.local import load
    from lightship.packaging.exporting import export
    from lightship.server import ServerOptions, serve
    from lightship.signing import sign
    from lightship.training.transfer_model import TransferModel

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Client",
    "Explanation",
    "ImageSpec",
    "LightshipError",
    "Rise",
    "ServerOptions",
    "TransferModel",
    "docker",
    "errors",
    "export",
    "load",
    "serve",
    "sign",
]

_HOME = {
    "AsyncClient": "lightship.client",
    "Client": "lightship.client",
    "Explanation": "lightship.client",
    "ImageSpec": "lightship.images.spec",
    "LightshipError": "lightship.errors",
    "Rise": "lightship.client",
    "ServerOptions": "lightship.server",
    "TransferModel": "lightship.training",
    "export": "lightship.packaging",
    "load": "lightship.local",
    "serve": "lightship.server",
    "sign": "lightship.signing",
}
_MODULES = ("docker", "errors")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"lightship.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'lightship' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
