"""Asks a model server over REST, from threads or from asyncio. Needs none of what a server needs."""

from lightship.client.async_client import AsyncClient
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    SignatureInfo,
    TensorInfo,
    VersionStatus,
)
from lightship.client.sync_client import Client

__all__ = [
    "AsyncClient",
    "Classification",
    "Client",
    "ModelMetadata",
    "ModelStatus",
    "Prediction",
    "ScoredLabel",
    "SignatureInfo",
    "TensorInfo",
    "VersionStatus",
]
