"""Finds the known name that is nearest to a wrong one, with work that does not grow with the number of names."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

# Up to so many names, the wrong one is compared with each of them; otherwise with so many that look like it.
_COMPARED = 24
_LONGEST = 64  # characters of names that are compared
_SIMILAR = 0.5  # the least similarity of a name that is suggested, from 0 to 1

_Features = frozenset[object]


class KnownNames:
    """Names in their order. Making this takes time that grows with their number; its methods do not."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)
        # Those that are compared, by their form without upper case.
        self._folded = {name.casefold(): name for name in self._names if len(name) <= _LONGEST}
        self._by_start: list[str] = []
        self._by_end: list[str] = []
        if len(self._folded) > _COMPARED:
            self._by_start = sorted(self._folded)
            self._by_end = sorted(name[::-1] for name in self._folded)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def first(self, count: int) -> Iterator[str]:
        """Returns the first names."""
        return islice(self._names, count)

    def nearest(self, wrong: str) -> str | None:
        """Returns the name that a wrong one was probably meant to be, or None if none is similar.

        Of many names, only those that begin or end like the wrong one are compared with it.
        """
        if len(wrong) > _LONGEST:
            return None
        folded = wrong.casefold()
        features = _features(folded)
        scored = ((_similarity(features, name), -abs(len(name) - len(folded)), name) for name in self._near(folded))
        similarity, _, nearest = max(scored, default=(0.0, 0, ""))
        return self._folded[nearest] if similarity >= _SIMILAR else None

    def _near(self, folded: str) -> Iterator[str]:
        if not self._by_start:
            yield from self._folded
            return
        yield from _around(self._by_start, folded)
        yield from (name[::-1] for name in _around(self._by_end, folded[::-1]))


def _around(names: Sequence[str], name: str) -> Sequence[str]:
    """Returns the names before and after the place of `name` in a sorted list."""
    place, each = bisect_left(names, name), _COMPARED // 4
    return names[max(0, place - each) : place + each]


def _features(name: str) -> _Features:
    """Returns the characters of a name, and its pairs of neighbours with those at its ends."""
    return frozenset((*name, *zip("\0" + name, name + "\0", strict=True)))


def _similarity(features: _Features, name: str) -> float:
    others = _features(name)
    return 2 * len(features & others) / (len(features) + len(others))
