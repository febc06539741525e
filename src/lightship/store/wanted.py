"""One version that a model's policy wants: what the store lists of it, and how far its copy is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lightship.bundle.manifest import MANIFEST_FILE
from lightship.errors import LightshipError
from lightship.repeated import RepeatedFailure
from lightship.store.cache import shown_bytes
from lightship.store.copying import Copying
from lightship.store.entries import Partial
from lightship.store.faults import is_final
from lightship.store.listing import VersionListing


@dataclass(slots=True)
class WantedVersion:
    """One wanted version as the store lists it. It begins anew when anything in the version changes."""

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
    # When to copy it again after that, by `time.monotonic`.
    retry_at: float = 0.0
    failing: RepeatedFailure = field(default_factory=RepeatedFailure)

    @property
    def key(self) -> str:
        return self.listing.key

    @property
    def has_manifest(self) -> bool:
        return MANIFEST_FILE in self.listing.objects

    @property
    def refusal(self) -> LightshipError | None:
        """Why it can never be loaded as it is; None if it may be."""
        error = self.error  # the thread that copies may change it now
        return error if error is not None and is_final(error) else None

    def why_not(self, url: str) -> str:
        """Returns why it cannot be loaded yet."""
        copying, error = self.copying, self.error  # the thread that copies may change them now
        if copying is not None:
            return f"it is being copied from {url}: {shown_bytes(copying.copied)} of {shown_bytes(self.listing.size)}"
        if error is not None:
            return f"it cannot be copied now, and is tried again: {error.message}"
        if self.manifest is not None and self.manifest[1]:
            return f"it is still being uploaded to {url}: {self.manifest[1]}"
        return f"it was found in {url}, and is copied if nothing in it has changed when the store is listed again"


def refused_version(number: int, error: LightshipError, now: float) -> WantedVersion:
    """Returns a version whose objects cannot be a version, such as one with names that are not those of files."""
    return WantedVersion(VersionListing(number, {}, f"refused-{number}"), now, error=error)


@dataclass(frozen=True, slots=True)
class TakenVersion:
    """A copy that is offered to be loaded."""

    key: str
    path: Path
    manifest: bool
    # When it was offered first, by `time.monotonic`.
    at: float
