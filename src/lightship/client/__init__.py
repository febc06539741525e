"""Clients of a model server, over REST or gRPC, for threads or asyncio. They import nothing of the server.

Names are imported when they are first used, so that REST and gRPC import only their own libraries.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightship.client.async_client import AsyncClient
    from lightship.client.explanations import Explanation
    from lightship.client.options import Tls
    from lightship.client.results import (
        Classification,
        ModelMetadata,
        ModelStatus,
        Prediction,
        ScoredLabel,
        SignatureEngine,
        SignatureInfo,
        TensorInfo,
        VersionStatus,
        WorkerStatus,
    )
    from lightship.client.rise import Rise
    from lightship.client.sync_client import Client

__all__ = [
    "AsyncClient",
    "Classification",
    "Client",
    "Explanation",
    "ModelMetadata",
    "ModelStatus",
    "Prediction",
    "Rise",
    "ScoredLabel",
    "SignatureInfo",
    "TensorInfo",
    "Tls",
    "SignatureEngine",
    "VersionStatus",
    "WorkerStatus",
]

_HOME = {
    "AsyncClient": "async_client",
    "Client": "sync_client",
    "Explanation": "explanations",
    "Rise": "rise",
    "Tls": "options",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lightship.client' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"lightship.client.{_HOME.get(name, 'results')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
