"""What is known of one model in an object store, and what is offered of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from lightship.errors import LightshipError
from lightship.store.cache import Cache
from lightship.store.entries import Entry
from lightship.store.listing import VersionListing
from lightship.store.offer import Offer
from lightship.store.wanted import TakenVersion, WantedVersion, refused_version

# So long after a version was offered, a change of its objects shows that it was not complete.
_EARLY_SECONDS = 30.0

# The folders from which a model's versions are loaded or being loaded, each with whether it answers.
InUse = Mapping[Path, bool]


class StoredModel:
    """The versions of one model: those that the store lists, and those of the cache that are offered.

    The thread that follows the model changes it; any thread may call `offer`.
    """

    def __init__(self, url: str, place: str, cache: Cache) -> None:
        self.url, self.place = url, place
        self._cache = cache
        self._lock = threading.Lock()
        # Whether the store has answered since the start.
        self.listed = False
        # Why the store cannot be read now; empty if it can.
        self.fault = ""
        # The wanted versions by their numbers, and the copies that are offered.
        self.versions: Mapping[int, WantedVersion] = {}
        self._taken: dict[int, TakenVersion] = {}
        # The loaded versions that were not complete, so that another copy takes their place.
        self._replacing: set[int] = set()
        # Those that were changed in the store after they were loaded, and stay as they are.
        self._changed: list[int] = []
        # All copies that were offered and may still be loaded, by their keys.
        self._held: dict[str, TakenVersion] = {}

    def offer(self) -> Offer:
        """Returns what is offered now. Returns at once."""
        with self._lock:
            if not self.listed and not self._taken:
                return Offer(explanation=self.fault)
            versions, unsettled, refused = {}, {}, {}
            for number in self.versions if self.listed else self._taken:
                taken = self._taken.get(number)
                if taken is not None:
                    versions[number] = taken.path
                    continue
                version = self.versions[number]
                versions[number] = path = self._cache.path(version.key, number)
                if version.refusal is not None:
                    refused[path] = version.refusal
                else:
                    unsettled[number] = version.why_not(self.url)
            return Offer(versions, unsettled, refused, frozenset(self._replacing), "", self._notice())

    def _notice(self) -> str:
        notices = [self.fault] if self.fault else []
        if self._changed:
            notices.append(
                f"version {', '.join(map(str, self._changed))} was changed in {self.url} after it was loaded: it "
                "answers with what was loaded; publish changed files as a new version"
            )
        for number in sorted(self._replacing):
            version = self.versions.get(number)
            if version is not None and not self.has_copy(number):
                notices.append(f"version {number}: {version.why_not(self.url)}")
        return "; ".join(notices)

    def set_fault(self, fault: str) -> None:
        """Notes why the store cannot be read, or that it can."""
        with self._lock:
            self.fault = fault

    def see(self, listings: Mapping[int, VersionListing | LightshipError]) -> list[WantedVersion]:
        """Takes in what the store lists of the wanted versions, each of which has objects.

        Returns those that are no longer as they were. `take_cached` must be called next.
        """
        now = time.monotonic()
        before = self.versions
        versions = {number: self._seen(number, listing, now) for number, listing in listings.items()}
        with self._lock:
            self.versions, self.listed, self._changed = versions, True, []
            self._taken = {number: taken for number, taken in self._taken.items() if number in versions}
        return [version for number, version in before.items() if versions.get(number) is not version]

    def take_cached(self, in_use: InUse) -> None:
        """Offers the versions that the cache has."""
        self.keep(in_use)
        for number, version in self.versions.items():
            self._take(number, version, in_use)

    def _seen(self, number: int, listing: VersionListing | LightshipError, now: float) -> WantedVersion:
        if isinstance(listing, LightshipError):
            return refused_version(number, listing, now)
        known = self.versions.get(number)
        if known is None or known.key != listing.key:
            return WantedVersion(listing, now)
        known.seen += 1
        return known

    def _take(self, number: int, version: WantedVersion, in_use: InUse) -> None:
        """Offers a version if the cache has it. One that was loaded stays as it is, unless it was not complete."""
        taken = self._taken.get(number)
        if taken is not None and taken.key == version.key:
            return
        if taken is not None and taken.path in in_use:
            early = time.monotonic() - taken.at < _EARLY_SECONDS
            gained = version.has_manifest and not taken.manifest
            with self._lock:
                if not early and not gained and number not in self._replacing:
                    self._changed.append(number)
                    return
                self._replacing.add(number)
        if version.listing.objects and self._cache.has(version.key):
            self.take(number, version)
        elif taken is not None and number not in self._replacing:
            with self._lock:
                del self._taken[number]

    def take(self, number: int, version: WantedVersion) -> None:
        """Offers a version whose copy is in the cache."""
        path = self._cache.path(version.key, number)
        with self._lock:
            taken = TakenVersion(version.key, path, version.has_manifest, time.monotonic())
            self._taken[number] = self._held[version.key] = taken
            version.error, version.failures = None, 0

    def take_entries(self, entries: Mapping[int, Entry]) -> bool:
        """Offers versions of the cache because the store does not answer. Returns False if it has answered."""
        at = time.monotonic() - _EARLY_SECONDS
        taken = {n: TakenVersion(one.key, self._cache.path(one.key, n), True, at) for n, one in entries.items()}
        with self._lock:
            if self.listed or self._taken:
                return False
            self._taken = taken
            self._held |= {one.key: one for one in taken.values()}
        return True

    def has_copy(self, number: int) -> bool:
        """Returns whether a wanted version is offered as the store lists it."""
        taken = self._taken.get(number)
        return taken is not None and taken.key == self.versions[number].key

    def needs_copy(self, number: int) -> bool:
        """Returns whether a wanted version should be copied."""
        objects = self.versions[number].listing.objects
        return bool(objects) and number not in self._changed and not self.has_copy(number)

    def keep(self, in_use: InUse, *, leaving: bool = False) -> bool:
        """Keeps in the cache what is offered, what is to be copied, and what is loaded. Lets go of all else.

        leaving: keeps only what is loaded. Returns whether anything is kept.
        """
        with self._lock:
            if leaving:
                self._taken, self.versions = {}, {}
            offered = {taken.key: taken for taken in self._taken.values()}
            self._held = {key: one for key, one in self._held.items() if one.path in in_use} | offered
            pinned = self._held.keys() | {one.key for one in self.versions.values() if one.listing.objects}
            self._replacing = {number for number in self._replacing if self._is_replaced(number)}
        self._cache.pin(self, pinned)
        return bool(pinned)

    def _is_replaced(self, number: int) -> bool:
        """Returns whether another copy of a loaded version is made, or being loaded."""
        taken, version = self._taken.get(number), self.versions.get(number)
        if taken is None or version is None:
            return False
        number_held = [key for key, one in self._held.items() if one.path.name == str(number)]
        return version.key != taken.key or any(key != taken.key for key in number_held)

    def mark(self, entries: Collection[Entry], listed: Collection[int], in_use: InUse) -> None:
        """Notes in the cache what a start without the store needs to know: what has answered, and what has gone.

        Such a start may need what the store has no longer, until one of the versions that it has answers.
        """
        answering = {one.number for one in entries if in_use.get(self._cache.path(one.key, one.number))}
        succeeded = not listed or not answering.isdisjoint(listed)
        for entry in entries:
            version = self.versions.get(entry.number)
            replaced = version is not None and version.key != entry.key and self.has_copy(entry.number)
            gone = replaced if entry.number in listed else succeeded or None
            answers = in_use.get(self._cache.path(entry.key, entry.number))
            self._cache.mark(entry, good=answers or None, gone=gone)
        self._cache.touch([taken.key for taken in self._taken.values()])
