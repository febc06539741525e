"""How long to wait before an object store is asked again."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST, _MAX = 1.0, 120.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses between requests to a store, in seconds."""

    # Between two listings of a model; 0: it is listed only until what was found is in the cache.
    poll: float
    # Between two listings of a version that is complete but for what two listings show.
    settle: float

    @property
    def between_listings(self) -> float:
        """The pause between two listings of a version that may still be uploaded."""
        return self.poll or self.settle or _FIRST

    @property
    def short(self) -> float:
        """The pause between two listings of a version that is complete as far as a single listing can show."""
        return min(self.settle, self.between_listings)

    def after(self, failures: int) -> float:
        """The pause after so many failures, each twice as long as the last, up to two minutes or `poll`."""
        return min(_FIRST * 2.0 ** min(failures - 1, 20), max(_MAX, self.poll))
