"""Azure Blob Storage."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import Any

from lightship.store.systems.base import StoreSystem

# What tools note of an object that stands for a folder.
_FOLDER_MARKS = ("hdi_isfolder", "is_directory")


class AzureBlobStorage(StoreSystem):
    """Listed through the client that adlfs has made.

    adlfs's own listing takes everything whose name begins with that of a folder, sees nothing in a folder that has an
    object of its own name, such as `models/dog/`, and gives no MD5 that could be compared.
    """

    def entries(self, folder: str, most: int) -> Iterable[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self._awaited(_entries, self._system(), folder, most)
        return found

    def objects(self, folder: str, most: int) -> Iterable[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self._awaited(_objects, self._system(), folder, most)
        return found

    def check_bucket(self, bucket: str) -> None:
        """The listing has told."""


async def _entries(system: Any, folder: str, most: int) -> list[Mapping[str, Any]]:
    container, prefix = _prefix(folder)
    async with system.service_client.get_container_client(container) as client:
        found = client.walk_blobs(name_starts_with=prefix, delimiter="/")
        return await _first(found, most, lambda one: _entry(container, one))


async def _objects(system: Any, folder: str, most: int) -> list[Mapping[str, Any]]:
    container, prefix = _prefix(folder)
    async with system.service_client.get_container_client(container) as client:
        found = client.list_blobs(name_starts_with=prefix, include=["metadata"])
        return await _first(found, most, lambda one: _object(container, one))


def _prefix(folder: str) -> tuple[str, str]:
    container, _, path = folder.strip("/").partition("/")
    return container, f"{path}/" if path else ""


async def _first(found: AsyncIterable[Any], most: int, told: Callable[[Any], Mapping[str, Any]]) -> list[Any]:
    listed: list[Mapping[str, Any]] = []
    async for one in found:
        listed.append(told(one))
        if len(listed) == most:
            break
    return listed


def _entry(container: str, one: Any) -> Mapping[str, Any]:
    """A blob has a size; what stands for all blobs with the same beginning has none."""
    is_folder = "size" not in one
    return {"name": f"{container}/{one.name}", "type": "directory" if is_folder else "file"}


def _object(container: str, one: Any) -> Mapping[str, Any]:
    marks = {key.lower(): value for key, value in (one.metadata or {}).items()}
    is_folder = any(marks.get(mark) == "true" for mark in _FOLDER_MARKS)
    return {
        "name": f"{container}/{one.name}",
        "type": "directory" if is_folder else "file",
        "size": one.size,
        "etag": one.etag,
        "last_modified": one.last_modified,
        "content_settings": {"content_md5": one.content_settings.content_md5},
    }
