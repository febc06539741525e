"""What all kinds of object stores have in common: they are read through fsspec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lightship.errors import LightshipError, NotFound
from lightship.extras import require
from lightship.store.faults import NoSuchPlace, fault_of
from lightship.store.urls import PACKAGES

_LIST_SECONDS = 60.0
_READ_SECONDS = 120.0


class StoreSystem:
    """The store of one URL. Several threads may read. All methods raise the errors of `fault_of`.

    Paths have no scheme and begin with the bucket. What the store says of an object or a folder is a mapping as fsspec
    gives it, with at least "name" and "type".
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._connected: Any = None

    def root(self) -> str:
        """Returns the path of the URL."""
        return str(type(self._system())._strip_protocol(self.url)).rstrip("/")

    def entries(self, folder: str, most: int) -> Iterable[Mapping[str, Any]]:
        """Returns what is directly in a folder: about `most` entries, if there are more. Raises NoSuchPlace."""
        found: Iterable[Mapping[str, Any]] = self._call("ls", folder, detail=True)
        return found

    def objects(self, folder: str, most: int) -> Iterable[Mapping[str, Any]]:
        """Returns the objects in a folder and below it: about `most`, if there are more."""
        try:
            return list(self._call("find", folder, detail=True).values())
        except NoSuchPlace:
            return []

    def read(self, path: str, start: int, end: int) -> bytes:
        """Returns the bytes from `start` to before `end` of an object. There may be fewer if it has changed."""
        return bytes(self._call("cat_file", path, start=start, end=end, seconds=_READ_SECONDS))

    def has_md5(self, path: str) -> bool:
        """Returns whether the MD5 that the store gives for an object is really that of its content."""
        return True

    def check_bucket(self, bucket: str) -> None:
        """Raises NotFound if there is no such bucket. For a place at which nothing was found."""
        try:
            self._call("ls", bucket, detail=True)
        except NoSuchPlace:
            raise NotFound(f"the store has no such bucket: {bucket!r} for {self.url}") from None

    def reset(self) -> None:
        """Lets the next call make a new connection."""
        self._connected = None

    def _connect(self) -> Any:
        """Connects with the credentials that the store's own tools would take."""
        import fsspec  # type: ignore[import-untyped]

        return self._connected_by(fsspec.get_filesystem_class(self.url.partition(":")[0]))

    def _connected_by(self, kind: Any, **options: Any) -> Any:
        options = {**kind._get_kwargs_from_urls(self.url), **options}
        return kind(**options, skip_instance_cache=True, use_listings_cache=False)

    def _system(self) -> Any:
        """Returns fsspec's file system, and connects if that is not done."""
        system = self._connected
        if system is None:
            check_store(self.url)
            system = self._connected = self._told(self._connect)
        return system

    def _call(self, name: str, *arguments: Any, seconds: float = _LIST_SECONDS, **options: Any) -> Any:
        """Calls a method of fsspec's file system."""
        system = self._system()
        if not system.async_impl:
            return self._told(lambda: getattr(system, name)(*arguments, **options))
        return self._awaited(getattr(system, f"_{name}"), *arguments, seconds=seconds, **options)

    def _awaited(
        self, function: Callable[..., Any], *arguments: Any, seconds: float = _LIST_SECONDS, **options: Any
    ) -> Any:
        """Runs a coroutine function on the event loop of fsspec's file system."""
        from fsspec.asyn import sync  # type: ignore[import-untyped]

        loop = self._system().loop
        return self._told(lambda: sync(loop, function, *arguments, timeout=seconds, **options))

    def _told(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except LightshipError:
            raise
        except Exception as error:  # of any library; its text may have secrets, so it is not chained
            fault = fault_of(error, self.url)
        raise fault


def check_store(url: str) -> None:
    """Raises FailedPrecondition, with what to install, if the package that reads such a store is missing."""
    scheme = url.partition(":")[0]
    require(f"a model in {scheme}://", PACKAGES[scheme])
