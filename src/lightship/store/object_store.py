"""A model's place in an object store."""

from __future__ import annotations

from itertools import islice

from lightship.errors import Aborted
from lightship.saved_model.versions import version_number
from lightship.store.faults import NoSuchPlace
from lightship.store.listing import MAX_OBJECTS, StoredObject, VersionListing, version_listing
from lightship.store.systems import system_for
from lightship.store.urls import place_id

_MAX_ENTRIES = 100_000  # directly below a model's place


class ObjectStore:
    """Lists and reads what is below a URL. Several threads may read. All methods raise the errors of `fault_of`.

    After a fault the connection is made anew, so that new credentials are taken from where the store's tools keep them.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = place_id(url)
        self._system = system_for(url)

    def versions(self) -> dict[int, str]:
        """Returns the folders of all versions by their numbers; the last in lexical order if several have the same.

        Raises NotFound if there is no such bucket.
        """
        root = self._system.root()
        try:
            found = self._system.entries(root, _MAX_ENTRIES)
        except NoSuchPlace:
            self._system.check_bucket(root.lstrip("/").partition("/")[0])
            return {}
        folders: dict[int, str] = {}
        for info in islice(found, _MAX_ENTRIES):
            path = str(info["name"]).rstrip("/")
            number = version_number(path.rpartition("/")[2])
            if number is not None and info.get("type") == "directory":
                folders[number] = max(path, folders.get(number, path))
        return folders

    def listing(self, number: int, folder: str) -> VersionListing:
        """Lists the objects of a version. Raises InvalidArgument for what cannot be one, see `version_listing`."""
        found = self._system.objects(folder, MAX_OBJECTS + 1)
        return version_listing(self.place, number, folder, found, self.url)

    def read(self, one: StoredObject, start: int, end: int) -> bytes:
        """Reads the bytes from `start` to before `end` of an object. Raises Aborted if it gives another number."""
        if start >= end:
            return b""
        data = self._system.read(one.path, start, end)
        if len(data) != end - start:
            raise Aborted(f"{self.url}: {one.name} changed while it was read")
        return data

    def has_md5(self, one: StoredObject) -> bool:
        """Returns whether the store's tag of an object is the MD5 of its content. That of an encrypted one is not."""
        return self._system.has_md5(one.path)

    def reset(self) -> None:
        """Lets the next call make a new connection."""
        self._system.reset()
