"""Finds classes by what a user writes for them: a name, another word, a broader term, an index, or a pattern."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from lightship.errors import InvalidArgument

_PATTERN = re.compile(r"[*?\[]")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_NAMES_SHOWN = 5


class ClassWords:
    """The classes of a classifier, and the words for them.

    names: the classes in the order of their indices. words: further words for a class, by its index; they may be
    ambiguous. groups: the indices of the classes that a broader term stands for.
    """

    def __init__(
        self,
        names: Sequence[str],
        words: Mapping[int, Iterable[str]] | None = None,
        groups: Mapping[str, Iterable[int]] | None = None,
    ) -> None:
        self.names = tuple(names)
        self._by_name: dict[str, set[int]] = {}
        self._by_word: dict[str, set[int]] = {}
        self._groups = {_plain(term): set(indices) for term, indices in (groups or {}).items()}
        for index, name in enumerate(self.names):
            self._by_name.setdefault(_plain(name), set()).add(index)
            for word in (name, *(words or {}).get(index, ())):
                self._by_word.setdefault(_plain(word), set()).add(index)

    def choose(self, texts: Iterable[str]) -> tuple[int, ...]:
        """Returns the indices of all classes that some texts name, in order. Raises the errors of `find`."""
        return tuple(sorted({index for text in texts for index in self.find(text)}))

    def find(self, text: str) -> tuple[int, ...]:
        """Returns the indices of the classes that a text names, in order.

        text: a name or another word for a class; a broader term for several, such as "dog"; a pattern for names, such
            as "*terrier"; an index, or a range of them such as "151-268". Upper case, spaces, underscores and hyphens
            make no difference.

        Raises InvalidArgument, with the names that were probably meant, if there is none or a word is ambiguous.
        """
        plain = _plain(text)
        found = self._by_name.get(plain) or self._by_word.get(plain)
        if found is not None:
            if len(found) > 1:
                raise InvalidArgument(f"{text!r} is a word for {len(found)} classes: give one of {self._listed(found)}")
            return tuple(found)
        found = self._groups.get(plain) or self._matching(plain) or self._by_index(text)
        return tuple(sorted(found))

    def _matching(self, plain: str) -> set[int]:
        """Returns the classes whose names match a pattern; none for a text that is not a pattern."""
        if not _PATTERN.search(plain):
            return set()
        return {index for name, those in self._by_name.items() if fnmatchcase(name, plain) for index in those}

    def _by_index(self, text: str) -> set[int]:
        bounds = _RANGE.fullmatch(text.strip())
        if bounds is None:
            raise InvalidArgument(f"there is no class {text!r}: {self._near(text)}")
        low, high = int(bounds[1]), int(bounds[2] or bounds[1])
        if not low <= high < len(self.names):
            raise InvalidArgument(
                f"there is no class {text!r}: indices go from 0 to {len(self.names) - 1}; a range is low-high, such as "
                "151-268"
            )
        return set(range(low, high + 1))

    def _near(self, text: str) -> str:
        plain = _plain(text)
        close = difflib.get_close_matches(plain, [*self._by_word, *self._groups], n=3)
        within = self._matching(f"*{plain}*") if plain and not _PATTERN.search(plain) else set()
        hints = []
        if close:
            hints.append(f"did you mean {' or '.join(map(repr, close))}?")
        if within:
            hints.append(f"'*{text}*' names {self._listed(within)}")
        return "; ".join(hints) or f"the classes are, for example, {self._listed(range(len(self.names)))}"

    def _listed(self, indices: Iterable[int]) -> str:
        """Returns the names of some classes with their indices, as a text."""
        chosen = sorted(indices)
        more = f" and {len(chosen) - _NAMES_SHOWN} more" if len(chosen) > _NAMES_SHOWN else ""
        return ", ".join(f"{self.names[index]!r} ({index})" for index in chosen[:_NAMES_SHOWN]) + more


def _plain(text: str) -> str:
    """Returns a text in which upper case, underscores, hyphens and spaces make no difference."""
    return " ".join(re.sub(r"[\s_-]+", " ", text.casefold()).split())
