"""What an object store lists: the objects of one version, and what tells them from others."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lightship.errors import InvalidArgument

MAX_OBJECTS = 10_000  # of one version
_MAX_NAME = 1024  # bytes, as in S3 and Google Cloud Storage
_MAX_PART = 255  # bytes of the name of a file, in the file systems of all systems
_MD5 = re.compile("[0-9a-f]{32}")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]' if sys.platform == "win32" else r"[\x00-\x1f\x7f]")
_TIMES = ("LastModified", "updated", "last_modified", "mtime", "created", "creation_time")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a version."""

    # Its path in the version folder, with `/`. It was checked: it leads to no other place.
    name: str
    # Its path for the store.
    path: str
    # In bytes.
    size: int
    # What changes when the object does: the store's tag or generation, else the time of its last change.
    identity: str
    # The MD5 of its content in hexadecimal, if the store gives one.
    md5: str | None
    # When it was last changed, by the store's clock, in seconds since 1970; None if the store does not say.
    modified: float | None


@dataclass(frozen=True, slots=True)
class VersionListing:
    """The objects of one version at one moment. Two listings with the same key list the same objects."""

    number: int
    objects: Mapping[str, StoredObject]
    key: str

    @property
    def size(self) -> int:
        """The bytes of all objects."""
        return sum(one.size for one in self.objects.values())

    @property
    def modified(self) -> float | None:
        """When an object was last changed; None if the store does not say so for each."""
        times = [one.modified for one in self.objects.values()]
        return None if None in times else max((time for time in times if time is not None), default=None)


def version_listing(
    place: str, number: int, folder: str, found: Iterable[Mapping[str, Any]], url: str
) -> VersionListing:
    """Returns the listing of a version.

    place: what names the model's place in the cache. folder: of the version, as the store calls it. found: what fsspec
    says of each object below it; it may end behind one more than a version may have. Raises InvalidArgument for too
    many objects, and for names that cannot be files in a folder.
    """
    objects: dict[str, StoredObject] = {}
    for count, info in enumerate(found):
        if count >= MAX_OBJECTS:  # those that stand for a folder count too, because the list may end here
            raise InvalidArgument(f"{url}/{number} has more than {MAX_OBJECTS} objects, so it is not a SavedModel")
        path = str(info["name"])
        name = path.removeprefix(folder).removeprefix("/")
        if not name or name.endswith("/") or info.get("type") == "directory":
            continue  # what some tools write to stand for a folder
        if not path.startswith(f"{folder}/") or not _is_file_name(name):
            raise InvalidArgument(
                f"{url}/{number} has an object whose name cannot be a file in a folder: {name[:100]!r}; remove it"
            )
        objects[name] = _object(name, path, info)
    told = [[one.name, one.size, one.identity] for _, one in sorted(objects.items())]
    key = hashlib.sha256(json.dumps([place, number, told]).encode()).hexdigest()[:40]
    return VersionListing(number, objects, key)


def _is_file_name(name: str) -> bool:
    parts = name.split("/")
    try:
        sizes = [len(os.fsencode(part)) for part in parts]
    except UnicodeEncodeError:
        return False
    fits = max(sizes) <= _MAX_PART and sum(sizes) + len(parts) - 1 <= _MAX_NAME
    return fits and not {"", ".", ".."} & set(parts) and not _FORBIDDEN.search(name)


def _object(name: str, path: str, info: Mapping[str, Any]) -> StoredObject:
    modified = next((info[field] for field in _TIMES if info.get(field) is not None), None)
    tag = info.get("generation") or info.get("ETag") or info.get("etag")
    identity = str(tag).strip('"') if tag else str(modified)
    return StoredObject(name, path, int(info["size"] or 0), identity, _md5(info), _seconds(modified))


def _md5(info: Mapping[str, Any]) -> str | None:
    """Returns the MD5 of Google Cloud Storage, of Azure, or an S3 tag that looks like one."""
    settings = info.get("content_settings")
    given = info.get("md5Hash") or (settings.get("content_md5") if isinstance(settings, Mapping) else None)
    if isinstance(given, str):
        try:
            return base64.b64decode(given, validate=True).hex()
        except (binascii.Error, ValueError):
            return None
    if isinstance(given, bytes | bytearray):
        return bytes(given).hex()
    tag = str(info.get("ETag") or "").strip('"')
    return tag if _MD5.fullmatch(tag) else None


def _seconds(time: object) -> float | None:
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return None
    if isinstance(time, datetime):
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
    return float(time) if isinstance(time, int | float) else None
