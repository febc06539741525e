"""Chooses the class for the store that a URL names."""

from __future__ import annotations

from lightship.store.systems.base import StoreSystem
from lightship.store.urls import PACKAGES


def system_for(url: str) -> StoreSystem:
    """Returns the store of a URL; see `checked_url`. It connects at its first call."""
    # Imported when needed: a server of local models must not pay for them when it starts.
    match PACKAGES[url.partition(":")[0]]:
        case "s3fs":
            from lightship.store.systems.s3 import S3

            return S3(url)
        case "gcsfs":
            from lightship.store.systems.google import GoogleCloudStorage

            return GoogleCloudStorage(url)
        case "adlfs":
            from lightship.store.systems.azure import AzureBlobStorage

            return AzureBlobStorage(url)
        case _:
            from lightship.store.systems.memory import Memory

            return Memory(url)
