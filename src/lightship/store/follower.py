"""Follows one model in an object store: lists its versions, copies those that are wanted, and offers them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightship.bundle.manifest import MANIFEST_FILE
from lightship.errors import Cancelled, LightshipError
from lightship.repeated import RepeatedFailure, exception_text
from lightship.store.cache import Cache, Entry, Partial, shown_bytes
from lightship.store.copying import Copying, missing_of
from lightship.store.faults import disk_fault, fault_of, is_final
from lightship.store.listing import VersionListing
from lightship.store.object_store import ObjectStore
from lightship.store.offer import Offer
from lightship.threads import start_timer

logger = logging.getLogger(__name__)

# Chooses from the numbers of all versions those that should be loaded.
Select = Callable[[Collection[int]], list[int]]

# So long after a version became complete, a change of its objects shows that it was not.
_EARLY_SECONDS = 30.0
# Objects that are older than this, by the clocks of the store and of this machine, are not part of a running upload.
_OLD_SECONDS = 600.0
# A store that has not answered within this time does not keep the versions in the cache from being offered.
_PATIENCE_SECONDS = 5.0
_FIRST_PAUSE, _MAX_PAUSE = 1.0, 120.0
_BUSY_SECONDS = 1.0
_LEAVE_SECONDS = 1.0


@dataclass(slots=True)
class _Version:
    """One wanted version as the store lists it."""

    listing: VersionListing
    # Since when it has been listed like this, by `time.monotonic`, and in how many listings.
    since: float
    seen: int = 1
    # What its manifest says: whether there is one, and what is missing. None before it was compared.
    manifest: tuple[bool, str] | None = None
    # The copy that is being made, and why the last attempt failed.
    partial: Partial | None = None
    copying: Copying | None = None
    error: LightshipError | None = None
    failures: int = 0
    retry_at: float = 0.0
    failing: RepeatedFailure = field(default_factory=RepeatedFailure)


@dataclass(slots=True)
class _Taken:
    """A version of the cache that is offered."""

    key: str
    manifest: bool
    # When it was offered first, by `time.monotonic`.
    at: float


class Follower:
    """Follows one URL on a thread of its own, so that a slow store holds up nobody else.

    name: of the model. select: chooses the wanted versions. poll_seconds: between two listings; 0: only until what was
    found is there. settle_seconds: between two listings of a version that is known to be complete but for that.
    in_use: returns the folders from which versions of the model are loaded or being loaded, and those that answer.
    changed: is called, on any thread, when there may be something else to offer.
    """

    def __init__(
        self,
        name: str,
        store: ObjectStore,
        cache: Cache,
        select: Select,
        *,
        poll_seconds: float,
        settle_seconds: float,
        in_use: Callable[[str], Mapping[Path, bool]],
        changed: Callable[[str], None],
    ) -> None:
        self.name, self.url = name, store.url
        self._store, self._cache, self._select = store, cache, select
        self._poll_seconds, self._settle_seconds = poll_seconds, settle_seconds
        self._in_use, self._changed = in_use, changed
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._listed = False  # whether the store has answered since the start
        self._wanted: list[int] = []
        self._versions: dict[int, _Version] = {}
        self._taken: dict[int, _Taken] = {}
        self._replacing: set[int] = set()
        self._changed_in_store: list[int] = []
        self._held: dict[str, int] = {}  # the keys that were offered, and the numbers of their versions
        self._fault = ""
        self._failures, self._failing = 0, RepeatedFailure()

    def start(self) -> None:
        """Starts the thread."""
        threading.Thread(target=self._run, name="lightship-store", daemon=True).start()
        start_timer(_PATIENCE_SECONDS, self._be_patient_no_more)

    def wanted_by(self, select: Select) -> None:
        """Lets another policy choose the versions."""
        self._select = select
        self.look_now()

    def look_now(self) -> None:
        """Lists the store now."""
        self._wake.set()

    def close(self) -> None:
        """Ends the thread when no version of the model is loaded any more; until then its copies are kept."""
        self._closed = True
        self._wake.set()

    def offer(self) -> Offer:
        """Returns what the store offers now. Returns at once."""
        with self._lock:
            if not self._listed and not self._taken:
                return Offer(explanation=self._fault)
            versions, unsettled, refused = {}, {}, {}
            for number in self._wanted:
                taken, version = self._taken.get(number), self._versions.get(number)
                if taken is not None:
                    versions[number] = self._cache.path(taken.key, number)
                elif version is not None:
                    versions[number] = path = self._cache.path(version.listing.key, number)
                    if version.error is not None and is_final(version.error):
                        refused[path] = version.error
                    else:
                        unsettled[number] = self._why_not(version)
            return Offer(versions, unsettled, refused, frozenset(self._replacing), "", self._notice())

    def _why_not(self, version: _Version) -> str:
        if version.copying is not None:
            copied, size = shown_bytes(version.copying.copied), shown_bytes(version.listing.size)
            return f"it is being copied from {self.url}: {copied} of {size}"
        if version.error is not None:
            return f"it cannot be copied now, and is tried again: {version.error.message}"
        if version.manifest is not None and version.manifest[1]:
            return f"it is still being uploaded to {self.url}: {version.manifest[1]}"
        return f"it was found in {self.url}, and is copied if nothing in it has changed when the store is listed again"

    def _notice(self) -> str:
        notices = [self._fault] if self._fault else []
        if self._changed_in_store:
            numbers = ", ".join(map(str, self._changed_in_store))
            notices.append(
                f"version {numbers} was changed in {self.url} after it was loaded: it answers with what was loaded; "
                "publish changed files as a new version"
            )
        for number in sorted(self._replacing):
            version = self._versions.get(number)
            if version is not None and number in self._taken and self._taken[number].key != version.listing.key:
                notices.append(f"version {number}: {self._why_not(version)}")
        return "; ".join(notices)

    def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            pause = self._look()
            self._tell()
            self._wake.wait(pause)
        self._leave()

    def _look(self) -> float | None:
        """Looks at the store. Returns the seconds until the next look; None: forever."""
        try:
            self._cache.open()
            self._list()
            self._recovered()
            return self._copy_due()
        except Cancelled:
            return 0.0
        except LightshipError as error:
            return self._failed(error)
        except OSError as error:
            return self._failed(disk_fault(error, self._cache.folder))
        except Exception as error:  # an unexpected one must not end the thread
            if self._failing.is_new(exception_text(error)):
                logger.exception("looking at %s failed", self.url, extra={"model": self.name})
            return self._failed(fault_of(error, self.url), logged=True)

    def _failed(self, error: LightshipError, *, logged: bool = False) -> float:
        self._store.reset()
        if not logged and self._failing.is_new(error.message):
            logger.warning(
                "the object store of model %s is tried again with growing pauses: %s",
                *(self.name, error.message),
                extra={"model": self.name},
            )
        with self._lock:
            self._fault = error.message
        self._offer_cached()
        self._failures += 1
        return self._pause_after(self._failures)

    def _pause_after(self, failures: int) -> float:
        """Returns the seconds until the next attempt after so many failures, each about twice as long as the last."""
        return min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 20), max(_MAX_PAUSE, self._poll_seconds))

    def _recovered(self) -> None:
        with self._lock:
            self._fault, self._failures = "", 0
        if self._failing.ended():
            logger.info("%s can be read again", self.url, extra={"model": self.name})

    def _be_patient_no_more(self) -> None:
        with self._lock:
            if self._listed or self._fault or self._closed:
                return
            self._fault = f"the store has not answered yet for {self.url}"
        self._offer_cached()
        self._tell()

    def _tell(self) -> None:
        try:
            self._changed(self.name)
        except Exception:
            logger.exception("the versions of %s cannot be looked at", self.url, extra={"model": self.name})

    # What the store has

    def _list(self) -> None:
        """Lists the wanted versions, and decides which of the cache to offer."""
        folders = self._store.versions()
        wanted = [number for number in self._select(folders) if number in folders]
        listings: dict[int, VersionListing | LightshipError] = {}
        for number in wanted:
            listings[number] = self._listing(number, folders[number])
        now = time.monotonic()
        entries = {entry.key: entry for entry in self._cache.entries(self._store.place)}
        in_use = self._in_use(self.name)
        with self._lock:
            self._see(listings, now)
            self._wanted = list(self._versions)
            before, self._taken = self._taken, {n: one for n, one in self._taken.items() if n in self._versions}
            self._changed_in_store = []
            self._listed = True
        self._pin(before)
        for number, version in self._versions.items():
            self._take(number, version, in_use)
        self._mark(entries, folders, in_use)

    def _listing(self, number: int, folder: str) -> VersionListing | LightshipError:
        try:
            return self._store.listing(number, folder)
        except LightshipError as error:
            if not is_final(error):
                raise
            return error

    def _see(self, listings: Mapping[int, VersionListing | LightshipError], now: float) -> None:
        """Compares the listings with the last ones. Must be called with the lock."""
        versions: dict[int, _Version] = {}
        for number, listing in listings.items():
            if isinstance(listing, LightshipError):
                versions[number] = _Version(VersionListing(number, {}, f"{number:040x}"[-40:]), now, error=listing)
                continue
            if not listing.objects:
                continue  # it has gone since the versions were listed
            known = self._versions.get(number)
            if known is not None and known.listing.key == listing.key:
                known.listing, known.seen = listing, known.seen + 1
                versions[number] = known
            else:
                versions[number] = _Version(listing, now)
        for number, old in self._versions.items():
            if old.partial is not None and versions.get(number) is not old:
                self._cache.abandon(old.partial)
        self._versions = versions

    def _take(self, number: int, version: _Version, in_use: Mapping[Path, bool]) -> None:
        """Offers a version that the cache has; what was loaded stays unless it was incomplete."""
        taken, key = self._taken.get(number), version.listing.key
        if taken is not None and taken.key == key:
            return
        if taken is not None and self._cache.path(taken.key, number) in in_use:
            early = time.monotonic() - taken.at < _EARLY_SECONDS
            gained = MANIFEST_FILE in version.listing.objects and not taken.manifest
            with self._lock:
                if not early and not gained and number not in self._replacing:
                    self._changed_in_store.append(number)
                    return
                self._replacing.add(number)
        if version.listing.objects and self._cache.has(key):
            self._offer_copy(number, version)
        elif taken is not None and number not in self._replacing:
            with self._lock:
                del self._taken[number]

    def _offer_copy(self, number: int, version: _Version) -> None:
        with self._lock:
            has_manifest = MANIFEST_FILE in version.listing.objects
            self._taken[number] = _Taken(version.listing.key, has_manifest, time.monotonic())
            version.error, version.failures = None, 0

    def _mark(self, entries: Mapping[str, Entry], folders: Collection[int], in_use: Mapping[Path, bool]) -> None:
        """Notes for a start without the store what it has, and which versions have answered."""
        for key, entry in entries.items():
            version = self._versions.get(entry.number)
            replaced = version is not None and version.listing.key != key
            gone = entry.number not in folders or replaced
            good = True if in_use.get(self._cache.path(key, entry.number)) else None
            self._cache.mark(entry, good=good, gone=gone)
        self._cache.touch([taken.key for taken in self._taken.values()])

    def _pin(self, before: Mapping[int, _Taken] | None = None) -> None:
        """Keeps in the cache what is offered, what may be offered soon, and what is loaded."""
        in_use = self._in_use(self.name)
        with self._lock:
            for number, taken in {**(before or {}), **self._taken}.items():
                self._held[taken.key] = number
            offered = {one.key for one in self._taken.values()}
            self._held = {
                key: number
                for key, number in self._held.items()
                if key in offered or self._cache.path(key, number) in in_use
            }
            if self._closed:
                pinned = {key for key, number in self._held.items() if self._cache.path(key, number) in in_use}
            else:
                pinned = self._held.keys() | {one.listing.key for one in self._versions.values() if one.listing.objects}
            self._replacing = {n for n in self._replacing if self._is_replacing(n)}
        self._cache.pin(self, pinned)

    def _is_replacing(self, number: int) -> bool:
        """Returns whether another copy of a version is to take the place of the loaded one, or is being loaded."""
        taken, version = self._taken.get(number), self._versions.get(number)
        if taken is None or version is None:
            return False
        others = (key for key, held_number in self._held.items() if held_number == number)
        return version.listing.key != taken.key or any(key != taken.key for key in others)

    # Copies

    def _copy_due(self) -> float | None:
        """Copies the versions that are complete in the store. Returns the seconds until the next listing."""
        pauses = [self._poll_seconds] if self._poll_seconds > 0 else []
        for number, version in sorted(self._versions.items(), reverse=True):
            taken = self._taken.get(number)
            if number in self._changed_in_store or not version.listing.objects:
                continue
            if taken is not None and taken.key == version.listing.key:
                continue
            if self._closed:
                raise Cancelled("the model is followed no longer")
            pause = self._copy_if_due(number, version)
            if pause is not None:
                pauses.append(pause)
        return min(pauses, default=None)

    def _copy_if_due(self, number: int, version: _Version) -> float | None:
        """Copies a version. Returns the seconds until it is worth to list the store for it; None if it is here."""
        if version.manifest is None:
            version.manifest = missing_of(version.listing, self._store)
        now = time.monotonic()
        if version.manifest[1]:
            return self._poll_seconds or self._settle_seconds or _BUSY_SECONDS
        left = version.since + self._settling(version) - now
        if left > 0 or version.seen < 2:
            return max(0.05, left)
        if version.retry_at > now:
            return version.retry_at - now
        return self._copy(number, version)

    def _settling(self, version: _Version) -> float:
        """Returns the seconds in which a version must not change."""
        modified = version.listing.modified
        old = modified is not None and time.time() - modified >= _OLD_SECONDS
        complete = version.manifest is not None and version.manifest[0]
        short = min(self._settle_seconds, self._poll_seconds or self._settle_seconds)
        return short if old or complete else (self._poll_seconds or self._settle_seconds)

    def _copy(self, number: int, version: _Version) -> float | None:
        fields = {"model": self.name, "version": number}
        try:
            if version.partial is None:
                self._pin()
                if self._cache.has(version.listing.key):  # another server has copied it
                    self._offer_copy(number, version)
                    return None
                version.partial = self._cache.begin(version.listing, self.url)
            if version.partial is None:
                return _BUSY_SECONDS
            with self._lock:
                version.copying = Copying(self._store, version.listing, version.partial, lambda: self._closed)
            if not version.failures:
                size = shown_bytes(version.listing.size)
                logger.info("copying version %d of %s (%s)", number, self.url, size, extra=fields)
            began = time.monotonic()
            self._tell()
            version.copying.run()
            self._check_unchanged(number, version)
            self._cache.commit(version.partial, self._store.place, version.listing)
            version.partial = None
        except (LightshipError, OSError) as error:
            return self._copy_failed(number, version, error)
        finally:
            with self._lock:
                version.copying = None
        seconds = time.monotonic() - began
        logger.info("version %d of %s was copied in %.1f s", number, self.url, seconds, extra=fields)
        version.failing.ended()
        self._offer_copy(number, version)
        self._tell()
        return None

    def _check_unchanged(self, number: int, version: _Version) -> None:
        """Lists a copied version once more. Raises Cancelled if it was changed meanwhile: it is looked at anew."""
        some = next(iter(version.listing.objects.values()))
        folder = some.path.removesuffix(some.name).rstrip("/")
        if self._store.listing(number, folder).key != version.listing.key:
            raise Cancelled("the version was changed while it was copied")

    def _copy_failed(self, number: int, version: _Version, raised: LightshipError | OSError) -> float:
        error = raised if isinstance(raised, LightshipError) else disk_fault(raised, self._cache.folder)
        final = is_final(error) or isinstance(error, Cancelled)
        if version.partial is not None and (final or self._closed):
            self._cache.abandon(version.partial)
            version.partial = None
        if isinstance(error, Cancelled):
            return 0.05
        self._store.reset()
        pause = self._pause_after(version.failures + 1)
        with self._lock:
            version.error, version.failures = error, version.failures + 1
            version.retry_at = time.monotonic() + pause
        if version.failing.is_new(error.message):
            logger.warning(
                "version %d of model %s cannot be copied, and is tried again with growing pauses: %s",
                *(number, self.name, error.message),
                extra={"model": self.name, "version": number},
            )
        self._tell()
        return pause

    # Without the store, and after the end

    def _offer_cached(self) -> None:
        """Offers what the cache has, if the store has not answered since the start."""
        with self._lock:
            if self._listed or self._taken:
                return
        try:
            self._cache.open()
            entries = [entry for entry in self._cache.entries(self._store.place) if not entry.gone]
        except LightshipError:
            return  # the store's own fault is the one to tell
        newest: dict[int, Entry] = {}
        for entry in entries:
            newest.setdefault(entry.number, entry)
        answered = {number: entry for number, entry in newest.items() if entry.good} or newest
        chosen = {number: answered[number] for number in self._select(answered) if number in answered}
        self._cache.pin(self, {entry.key for entry in chosen.values()})
        now = time.monotonic()
        there = {n: _Taken(e.key, True, now - _EARLY_SECONDS) for n, e in chosen.items() if self._cache.has(e.key)}
        with self._lock:
            if self._listed:
                return
            self._taken, self._wanted = there, list(there)
        if there:
            logger.warning(
                "the last versions of %s in the cache are served, because the store does not answer: %s",
                *(self.url, ", ".join(map(str, sorted(there)))),
                extra={"model": self.name},
            )

    def _leave(self) -> None:
        """Keeps the copies of loaded versions until they are unloaded."""
        for version in self._versions.values():
            if version.partial is not None:
                self._cache.abandon(version.partial)
        while True:
            try:
                self._taken = {}
                self._pin()
                if not self._held:
                    return
            except LightshipError as error:
                logger.warning("%s", error.message)
            time.sleep(_LEAVE_SECONDS)
