"""Models in object stores: lists them, copies their versions into a cache, and offers what is complete."""

from lightship.store.cache import DEFAULT_MAX_BYTES
from lightship.store.object_store import check_store
from lightship.store.offer import Offer
from lightship.store.stores import DEFAULT_POLL_SECONDS, StoreOptions, Stores
from lightship.store.urls import checked_url, is_store_url, is_url, model_name, redacted

__all__ = [
    "DEFAULT_MAX_BYTES",
    "DEFAULT_POLL_SECONDS",
    "Offer",
    "StoreOptions",
    "Stores",
    "check_store",
    "checked_url",
    "is_store_url",
    "is_url",
    "model_name",
    "redacted",
]
