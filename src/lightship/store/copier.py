"""Copies the versions of a model that are complete in the store, and tries again what failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from lightship.errors import Aborted, Cancelled, LightshipError
from lightship.store.cache import Cache, shown_bytes
from lightship.store.copying import Copying, missing_of
from lightship.store.faults import disk_fault
from lightship.store.object_store import ObjectStore
from lightship.store.pauses import Pauses
from lightship.store.stored_model import InUse, StoredModel
from lightship.store.wanted import WantedVersion

logger = logging.getLogger(__name__)

# Objects that are older than this, by the clocks of the store and of this machine, are not part of a running upload.
_OLD_SECONDS = 600.0
_AGAIN_SECONDS = 0.05
_BUSY_SECONDS = 1.0


class Copier:
    """Copies versions of one model, one after the other. Its caller lists the store between two calls of `copy_due`.

    in_use: returns the folders that versions of the model use now. tell: is called when the state of a copy changes.
    cancelled: returns whether to give up.
    """

    def __init__(
        self,
        name: str,
        model: StoredModel,
        store: ObjectStore,
        cache: Cache,
        pauses: Pauses,
        *,
        in_use: Callable[[], InUse],
        tell: Callable[[], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._name, self._model, self._store, self._cache, self._pauses = name, model, store, cache, pauses
        self._in_use, self._tell, self._cancelled = in_use, tell, cancelled

    def copy_due(self) -> list[float]:
        """Copies what is complete. Returns after how many seconds it is worth to list the store for each of the others.

        Raises Cancelled, and the errors of the store if a manifest cannot be read.
        """
        pauses: list[float] = []
        for number, version in sorted(self._model.versions.items(), reverse=True):
            if self._cancelled():
                raise Cancelled("the model is followed no longer")
            if self._model.needs_copy(number):
                pause = self._copy_if_due(number, version)
                pauses += [] if pause is None else [pause]
        return pauses

    def abandon(self, version: WantedVersion) -> None:
        """Removes what was copied of a version, if anything."""
        partial, version.partial = version.partial, None
        if partial is not None:
            self._cache.abandon(partial)

    def _copy_if_due(self, number: int, version: WantedVersion) -> float | None:
        """Copies a version. Returns the seconds until it is worth to list the store for it; None if it is here."""
        if version.manifest is None:
            version.manifest = missing_of(version.listing, self._store)
        if version.manifest[1]:
            return self._pauses.between_listings
        left = version.since + self._settling(version, version.manifest[0]) - time.monotonic()
        if left > 0 or version.seen < 2:
            return max(_AGAIN_SECONDS, left)
        pause = version.retry_at - time.monotonic()
        return pause if pause > 0 else self._copy(number, version)

    def _settling(self, version: WantedVersion, has_manifest: bool) -> float:
        """Returns the seconds in which nothing in a version may change before it is copied."""
        modified = version.listing.modified
        old = modified is not None and time.time() - modified >= _OLD_SECONDS
        return self._pauses.short if old or has_manifest else self._pauses.between_listings

    def _copy(self, number: int, version: WantedVersion) -> float | None:
        try:
            self._model.keep(self._in_use())  # also what is to be copied, so that no other server removes it
            if self._cache.has(version.key):  # another server has copied it
                self.abandon(version)
            elif not self._copied(number, version):
                return _BUSY_SECONDS
        except (LightshipError, OSError) as error:
            return self._failed(number, version, error)
        finally:
            version.copying = None
        version.failing.ended()
        self._model.take(number, version)
        self._tell()
        return None

    def _copied(self, number: int, version: WantedVersion) -> bool:
        """Copies a version into the cache. Returns False if another process is doing so."""
        if version.partial is None:
            version.partial = self._cache.begin(version.listing, self._model.url)
        if version.partial is None:
            return False
        fields, size = {"model": self._name, "version": number}, shown_bytes(version.listing.size)
        if not version.failures:
            logger.info("copying version %d of %s (%s)", number, self._model.url, size, extra=fields)
        began = time.monotonic()
        version.copying = Copying(self._store, version.listing, version.partial, self._cancelled)
        self._tell()
        version.copying.run()
        self._check_unchanged(number, version)
        self._cache.commit(version.partial, self._model.place, version.listing)
        version.partial = None
        seconds = time.monotonic() - began
        logger.info("version %d of %s was copied in %.1f s", number, self._model.url, seconds, extra=fields)
        return True

    def _check_unchanged(self, number: int, version: WantedVersion) -> None:
        """Lists a copied version once more. Raises Cancelled if it was changed meanwhile: it is looked at anew."""
        one = next(iter(version.listing.objects.values()))
        folder = one.path.removesuffix(one.name).rstrip("/")
        if self._store.listing(number, folder).key != version.key:
            raise Cancelled("the version was changed while it was copied")

    def _failed(self, number: int, version: WantedVersion, raised: LightshipError | OSError) -> float:
        error = raised if isinstance(raised, LightshipError) else disk_fault(raised, self._cache.folder)
        if isinstance(error, Cancelled):
            self.abandon(version)
            return _AGAIN_SECONDS
        self._store.reset()
        version.error, version.failures = error, version.failures + 1
        if version.refusal is not None or isinstance(error, Aborted):  # then blocks of two contents may be in it
            self.abandon(version)
        pause = self._pauses.after(version.failures)
        version.retry_at = time.monotonic() + pause
        if version.failing.is_new(error.message):
            logger.warning(
                "version %d of model %s cannot be copied, and is tried again with growing pauses: %s",
                *(number, self._name, error.message),
                extra={"model": self._name, "version": number},
            )
        self._tell()
        return pause
