"""The models of a server that are in object stores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightship.errors import LightshipError
from lightship.store.cache import DEFAULT_MAX_BYTES, Cache
from lightship.store.follower import Follower, Select
from lightship.store.object_store import ObjectStore
from lightship.store.offer import Offer
from lightship.store.pauses import Pauses

DEFAULT_POLL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How models in object stores are followed."""

    # Seconds between two listings of a model; 0: only until what was found is in the cache.
    poll_seconds: float = DEFAULT_POLL_SECONDS
    # Seconds between two listings of a version whose manifest shows that it is complete.
    settle_seconds: float = 2.0
    # The bytes that all copies may have together.
    cache_bytes: int = DEFAULT_MAX_BYTES
    # The folder of the copies. None: `lightship/store` in the user's cache folder.
    cache_dir: Path | None = None


class Stores:
    """Follows the models of a server that are in object stores. All of them share one cache.

    in_use: returns for a model the folders of the versions that are loaded or being loaded, each with whether it
    answers. changed: is called with the name of a model when something else may be offered.
    """

    def __init__(self, options: StoreOptions, in_use: Callable[[str], Mapping[Path, bool]]) -> None:
        self._options, self._in_use = options, in_use
        self._cache = Cache(options.cache_dir, options.cache_bytes)
        self._lock = threading.Lock()
        self._followers: dict[str, Follower] = {}
        self.changed: Callable[[str], None] = lambda name: None

    def follow(self, name: str, url: str, select: Select) -> None:
        """Follows a model from now on. One that is followed already has another policy now."""
        with self._lock:
            known = self._followers.get(name)
            if known is not None and known.url == url:
                known.choose(select)
                return
            follower = self._followers[name] = Follower(
                name,
                ObjectStore(url),
                self._cache,
                select,
                Pauses(self._options.poll_seconds, self._options.settle_seconds),
                in_use=self._in_use,
                changed=lambda name: self.changed(name),
            )
        if known is not None:
            known.close()
        follower.start()

    def leave(self, name: str) -> None:
        """Follows a model no longer, if it was followed. Its copies are kept while they are loaded."""
        with self._lock:
            follower = self._followers.pop(name, None)
        if follower is not None:
            follower.close()

    def look_now(self) -> None:
        """Lists all stores now, without waiting for that."""
        with self._lock:
            followers = list(self._followers.values())
        for follower in followers:
            follower.look_now()

    def offer(self, name: str) -> Offer:
        """Returns what the store of a model offers. Returns at once."""
        follower = self._followers.get(name)
        return Offer() if follower is None else follower.offer()

    def refusal(self, name: str, path: Path) -> LightshipError | None:
        """Returns why the version with this folder cannot be loaded, or None if its copy is there."""
        return self.offer(name).refused.get(path)

    def url(self, name: str) -> str | None:
        """Returns the URL of a model that is followed; None for any other."""
        follower = self._followers.get(name)
        return None if follower is None else follower.url

    def loaded(self, name: str, path: Path) -> None:
        """Notes, before a version answers, that it could be loaded: a start without the store prefers it."""
        if name in self._followers:
            self._cache.mark_good(path)

    def close(self) -> None:
        """Ends all following, and lets go of the cache. Must be called after the models are unloaded."""
        with self._lock:
            followers, self._followers = list(self._followers.values()), {}
        for follower in followers:
            follower.close()
        self._cache.close()
