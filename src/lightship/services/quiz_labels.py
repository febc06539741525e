"""Finds a model's label in the names of folders and files, however they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_WORDS = re.compile(r"[^\W\d_]+|\d+")  # a number is a word of its own, as in "pug3"
_MAX_WORDS = 24  # of a name that are looked at
_MAX_NAMES = 20_000  # whose labels are remembered


class LabelNames:
    """The labels of a model, to be found in names.

    A name has a label if it contains the label's words one after the other, in upper or lower case: "bull_mastiff",
    "Bull Mastiff (2)", "n02108422-bull-mastiff" and "bull_mastiff_17" all mean bull_mastiff. Of several labels
    the longest counts, and of two of the same length the first in the name.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels: dict[tuple[str, ...], str] = {}
        for label in labels:
            words = _words(label)
            if words:
                self._labels.setdefault(words, label)
        self._longest = max(map(len, self._labels), default=0)
        self._found = lru_cache(_MAX_NAMES)(self._in)

    def first(self, names: Iterable[str]) -> str | None:
        """Returns the label in the first name that has one, or None."""
        return next((label for name in names if (label := self._found(name))), None)

    def _in(self, name: str) -> str | None:
        words = _words(name)[:_MAX_WORDS]
        found = [
            label
            for start in range(len(words))
            for end in range(start + 1, min(len(words), start + self._longest) + 1)
            if (label := self._labels.get(words[start:end]))
        ]
        return max(found, key=len, default=None)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORDS.findall(unicodedata.normalize("NFC", text).casefold()))
