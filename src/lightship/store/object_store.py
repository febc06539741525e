"""One place in an object store, read through fsspec."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from lightship.errors import Aborted, InvalidArgument, LightshipError
from lightship.extras import require
from lightship.saved_model.versions import version_number
from lightship.store import azure
from lightship.store.faults import NoSuchPlace, fault_of
from lightship.store.listing import MAX_OBJECTS, StoredObject, VersionListing, version_listing
from lightship.store.urls import PACKAGES, place_id

_LIST_SECONDS = 60.0
_READ_SECONDS = 120.0
_MAX_ENTRIES = 100_000  # directly below a model's place
_ENCRYPTED = ("SSECustomerAlgorithm", "SSEKMSKeyId")


class ObjectStore:
    """Lists and reads what is below a URL. Several threads may read. All methods raise the errors of `fault_of`.

    After a fault the connection is made anew, so that new credentials are taken from where the store's tools keep them.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = place_id(url)
        self._scheme = url.partition(":")[0]
        self._is_azure = PACKAGES.get(self._scheme) == "adlfs"
        self._system: Any = None

    def versions(self) -> dict[int, str]:
        """Returns the folders of all versions by their numbers; the last in lexical order if several have the same.

        Raises NotFound if there is no such bucket.
        """
        self._open()
        root = self._root()
        try:
            found = self._entries(root)
        except NoSuchPlace:
            self._check_bucket(root)
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
        return version_listing(self.place, number, folder, self._objects(folder), self.url)

    def read(self, one: StoredObject, start: int, end: int) -> bytes:
        """Reads the bytes from `start` to before `end` of an object. Raises Aborted if it gives another number."""
        if start >= end:
            return b""
        data = bytes(self._call("cat_file", one.path, start=start, end=end, seconds=_READ_SECONDS))
        if len(data) != end - start:
            raise Aborted(f"{self.url}: {one.name} changed while it was read")
        return data

    def has_md5(self, one: StoredObject) -> bool:
        """Returns whether the store's tag of an object is the MD5 of its content. That of an encrypted one is not."""
        if self._scheme != "s3":
            return True
        bucket, _, key = one.path.partition("/")
        head = self._call("call_s3", "head_object", Bucket=bucket, Key=key)
        return not any(head.get(field) for field in _ENCRYPTED)

    def reset(self) -> None:
        """Lets the next call make a new connection."""
        self._system = None

    def _open(self) -> Any:
        system = self._system
        if system is None:
            check_store(self.url)
            try:
                system = self._system = _file_system(self.url)
            except LightshipError:
                raise
            except Exception as error:  # of any library
                raise fault_of(error, self.url) from None
        return system

    def _root(self) -> str:
        return str(type(self._open())._strip_protocol(self.url)).rstrip("/")

    def _entries(self, folder: str) -> Iterable[Mapping[str, Any]]:
        """Returns what the store says of everything directly in a folder."""
        if self._scheme == "s3":  # `ls` would list the folder above too, if there is nothing
            return self._bounded(folder, "/", _MAX_ENTRIES)
        if self._is_azure:
            return self._listed(azure.entries, folder, _MAX_ENTRIES)
        found: Iterable[Mapping[str, Any]] = self._call("ls", folder, detail=True)
        return found

    def _objects(self, folder: str) -> Iterable[Mapping[str, Any]]:
        """Returns what the store says of each object below a folder, a few more than a version may have at most."""
        if self._scheme == "s3":  # stops at that number; Google stops at the time limit
            return self._bounded(folder, "", MAX_OBJECTS + 1)
        if self._is_azure:
            return self._listed(azure.objects, folder, MAX_OBJECTS + 1)
        try:
            return list(self._call("find", folder, detail=True).values())
        except NoSuchPlace:
            return []

    def _bounded(self, folder: str, delimiter: str, most: int) -> Iterable[Mapping[str, Any]]:
        found: Iterable[Mapping[str, Any]] = self._call("lsdir", folder, True, most, delimiter)
        return found

    def _listed(self, listing: azure.Listing, folder: str, most: int) -> Iterable[Mapping[str, Any]]:
        system = self._open()
        found: list[Mapping[str, Any]] = self._told(
            lambda: _awaited(system, listing, system, folder, most, seconds=_LIST_SECONDS)
        )
        return found

    def _check_bucket(self, root: str) -> None:
        """Raises NotFound if the bucket of a place at which there is nothing does not exist."""
        bucket = root.lstrip("/").partition("/")[0]
        if self._scheme in ("memory", "s3") or self._is_azure:  # the last two have told
            return
        try:
            self._call("ls", bucket, detail=True)
        except NoSuchPlace:
            raise InvalidArgument(f"the store has no such bucket: {bucket!r} for {self.url}") from None

    def _call(self, name: str, *arguments: Any, seconds: float = _LIST_SECONDS, **options: Any) -> Any:
        system = self._open()
        if not system.async_impl:
            return self._told(lambda: getattr(system, name)(*arguments, **options))
        return self._told(lambda: _awaited(system, getattr(system, f"_{name}"), *arguments, seconds=seconds, **options))

    def _told(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # of any library; its text may have secrets, so it is not chained
            fault = fault_of(error, self.url)
        raise fault


def check_store(url: str) -> None:
    """Raises FailedPrecondition, with what to install, if the package that reads such a store is missing."""
    scheme = url.partition(":")[0]
    require(f"a model in {scheme}://", PACKAGES[scheme])


def _awaited(system: Any, function: Callable[..., Any], *arguments: Any, seconds: float, **options: Any) -> Any:
    from fsspec.asyn import sync  # type: ignore[import-untyped]

    return sync(system.loop, function, *arguments, timeout=seconds, **options)


def _file_system(url: str) -> Any:
    """Connects to a store with the credentials that its own tools would take."""
    import fsspec  # type: ignore[import-untyped]

    scheme = url.partition(":")[0]
    kind = _google_class() if scheme == "gs" else fsspec.get_filesystem_class(scheme)
    if scheme == "memory":
        return kind()
    options: dict[str, Any] = dict(kind._get_kwargs_from_urls(url))
    if scheme == "s3":
        options["config_kwargs"] = {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 1}}
    if scheme == "gs" and os.environ.get("STORAGE_EMULATOR_HOST"):
        options["token"] = "anon"
    return kind(**options, skip_instance_cache=True, use_listings_cache=False)


def _google_class() -> Any:
    """Returns the class for Google Cloud Storage.

    The default one asks Google over gRPC what kind of bucket it is, and waits for a minute where there is only the JSON
    API: in emulators, and in other servers that the environment names. There its base class is enough.
    """
    import gcsfs  # type: ignore[import-untyped]

    other = os.environ.get("STORAGE_EMULATOR_HOST") or os.environ.get("FSSPEC_GCS_ENDPOINT_URL")
    return gcsfs.core.GCSFileSystem if other else gcsfs.GCSFileSystem
