"""Reads entries of the cache of compiled models."""

from __future__ import annotations

from lightship.engines.cache import Entry


def content_of(entry: Entry, name: str = "blob") -> bytes:
    """Returns the content of an entry's file. Raises Damaged if it is not what was written."""
    content = bytearray(entry.size(name))
    entry.read_into(name, memoryview(content))
    return bytes(content)
