"""The kinds of object stores, each with what fsspec does not do alike for all of them."""

from lightship.store.systems.base import StoreSystem
from lightship.store.systems.choosing import system_for

__all__ = ["StoreSystem", "system_for"]
