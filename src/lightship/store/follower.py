"""Follows one model in an object store: lists its versions, copies those that are wanted, and offers them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from lightship.errors import Cancelled, LightshipError
from lightship.repeated import RepeatedFailure, exception_text
from lightship.store.cache import Cache
from lightship.store.copier import Copier
from lightship.store.entries import Entry
from lightship.store.faults import disk_fault, fault_of, is_final
from lightship.store.listing import VersionListing
from lightship.store.object_store import ObjectStore
from lightship.store.offer import Offer
from lightship.store.pauses import Pauses
from lightship.store.stored_model import InUse, StoredModel
from lightship.threads import start_timer

logger = logging.getLogger(__name__)

# Chooses from the numbers of all versions those that should be loaded.
Select = Callable[[Collection[int]], list[int]]

# A store that has not answered within this time does not keep the versions in the cache from being offered.
_PATIENCE_SECONDS = 5.0
_LEAVE_SECONDS = 1.0


class Follower:
    """Follows one URL on a thread of its own, so that a slow store holds up nobody else.

    name: of the model. select: chooses the wanted versions. in_use: returns for a model's name the folders that its
    versions use. changed: is called with it, on any thread, when there may be something else to offer.
    """

    def __init__(
        self,
        name: str,
        store: ObjectStore,
        cache: Cache,
        select: Select,
        pauses: Pauses,
        *,
        in_use: Callable[[str], InUse],
        changed: Callable[[str], None],
    ) -> None:
        self.name, self.url = name, store.url
        self._store, self._cache, self._select, self._pauses = store, cache, select, pauses
        self._in_use, self._changed = in_use, changed
        self._model = StoredModel(store.url, store.place, cache)
        self._copier = Copier(
            *(name, self._model, store, cache, pauses),
            in_use=lambda: in_use(name),
            tell=self._tell,
            cancelled=lambda: self._closed,
        )
        self._wake = threading.Event()
        self._closed = False
        self._failing = RepeatedFailure()

    def start(self) -> None:
        """Starts the thread."""
        threading.Thread(target=self._run, name="lightship-store", daemon=True).start()
        start_timer(_PATIENCE_SECONDS, self._lose_patience)

    def choose(self, select: Select) -> None:
        """Lets another policy choose the versions."""
        self._select = select
        self.look_now()

    def look_now(self) -> None:
        """Lists the store now, without waiting for that."""
        self._wake.set()

    def close(self) -> None:
        """Ends the thread when no version of the model is loaded any more; until then its copies are kept."""
        self._closed = True
        self._wake.set()

    def offer(self) -> Offer:
        """Returns what the store offers now. Returns at once."""
        return self._model.offer()

    def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            pause = self._look()
            self._tell()
            self._wake.wait(pause)
        self._leave()

    def _look(self) -> float | None:
        """Lists the store, and copies what is due. Returns the seconds until the next look; None: when it is woken."""
        try:
            self._cache.open()
            self._list()
            self._model.set_fault("")
            if self._failing.ended():
                logger.info("%s can be read again", self.url, extra={"model": self.name})
            pauses = self._copier.copy_due()
        except Cancelled:
            return 0.0
        except LightshipError as error:
            return self._failed(error)
        except OSError as error:
            return self._failed(disk_fault(error, self._cache.folder))
        except Exception as error:  # an unexpected one must not end the thread
            if self._failing.is_new(exception_text(error)):
                logger.exception("looking at %s failed", self.url, extra={"model": self.name})
            return self._told(fault_of(error, self.url))
        return min([*pauses, *([self._pauses.poll] if self._pauses.poll > 0 else [])], default=None)

    def _list(self) -> None:
        folders = self._store.versions()
        listings = self._wanted(folders)
        entries = self._cache.entries(self._store.place)
        in_use = self._in_use(self.name)
        for version in self._model.see(listings):
            self._copier.abandon(version)
        self._model.take_cached(in_use)
        self._cache.pin(self, ())  # what was offered before the store had answered is kept by the model now
        self._model.mark(entries, folders, in_use)

    def _wanted(self, folders: dict[int, str]) -> dict[int, VersionListing | LightshipError]:
        """Lists the versions that should be loaded. Removes from `folders` those that are empty.

        A folder without objects is what some tools write before an upload, or what was deleted a moment ago. It is no
        version, so it must not take the place of one.
        """
        listings: dict[int, VersionListing | LightshipError] = {}
        while True:
            wanted = self._select(folders)
            listings |= {number: self._listing(number, folders[number]) for number in wanted if number not in listings}
            empty = [number for number in wanted if _is_empty(listings[number])]
            if not empty:
                return {number: listings[number] for number in wanted}
            for number in empty:
                del folders[number]

    def _listing(self, number: int, folder: str) -> VersionListing | LightshipError:
        try:
            return self._store.listing(number, folder)
        except LightshipError as error:
            if not is_final(error):
                raise
            return error

    def _failed(self, error: LightshipError) -> float:
        if self._failing.is_new(error.message):
            logger.warning(
                "the object store of model %s is tried again with growing pauses: %s",
                *(self.name, error.message),
                extra={"model": self.name},
            )
        return self._told(error)

    def _told(self, error: LightshipError) -> float:
        self._store.reset()
        self._model.set_fault(error.message)
        self._offer_cached()
        return self._pauses.after(self._failing.times)

    def _lose_patience(self) -> None:
        """Offers what the cache has while the store is slow. If it has nothing, there is only the store to wait for."""
        if self._model.listed or self._model.fault or self._closed:
            return
        if self._offer_cached():
            self._model.set_fault(f"the store has not answered yet for {self.url}")
        self._tell()

    def _offer_cached(self) -> bool:
        """Offers what the cache has, if the store has not answered since the start: what has answered, if anything.

        Returns whether versions are offered now that were not before.
        """
        if self._model.listed:
            return False
        try:
            self._cache.open()
            newest: dict[int, Entry] = {}
            for entry in self._cache.entries(self._store.place):
                if not entry.gone:
                    newest.setdefault(entry.number, entry)
            candidates = {number: entry for number, entry in newest.items() if entry.good} or newest
            chosen = {number: candidates[number] for number in self._select(candidates)}
            self._cache.pin(self, {entry.key for entry in chosen.values()})
            there = {number: entry for number, entry in chosen.items() if self._cache.has(entry.key)}
        except LightshipError as error:
            if not self._model.fault:
                self._model.set_fault(error.message)
            return False  # the store's own fault is the one to tell
        taken = bool(there) and self._model.take_entries(there)
        if taken:
            logger.warning(
                "the last versions of %s in the cache are served, because the store does not answer: %s",
                *(self.url, ", ".join(map(str, sorted(there)))),
                extra={"model": self.name},
            )
        return taken

    def _leave(self) -> None:
        """Keeps the copies of loaded versions until they are unloaded."""
        for version in self._model.versions.values():
            self._copier.abandon(version)
        failing = RepeatedFailure()
        while True:
            try:
                self._cache.pin(self, ())
                if not self._model.keep(self._in_use(self.name), leaving=True):
                    return
            except LightshipError as error:
                if failing.is_new(error.message):
                    logger.warning("%s", error.message)
            time.sleep(_LEAVE_SECONDS)

    def _tell(self) -> None:
        try:
            self._changed(self.name)
        except Exception:
            logger.exception("the versions of %s cannot be looked at", self.url, extra={"model": self.name})


def _is_empty(listing: VersionListing | LightshipError) -> bool:
    return not isinstance(listing, LightshipError) and not listing.objects
