"""Finds where the keys and values of a TOML text are, which Python's own parser does not tell.

The text must be valid: `tomllib` has read it before. So this only needs to tell where a string, a key or a value ends.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple

from lightship.cli.config.faults import Place

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")' + r"|'''.*?'{3,5}(?!')" + r'|"(?:\\.|[^"\\])*"' + r"|'[^']*'", re.DOTALL
)
_OTHER = re.compile(r"[^,\]}#\n]*")  # numbers, dates and truth values


class Places(NamedTuple):
    """The places of keys and of their values, by the path of the key: ("models", "dog", "versions", 0)."""

    keys: dict[Path, Place]
    values: dict[Path, Place]

    def of_key(self, *path: str | int) -> Place:
        """Returns the place of a key, or that of the nearest one that it is in."""
        return next((self.keys[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.keys), Place(1, 1))

    def of_value(self, *path: str | int) -> Place:
        """Returns the place of a value, or that of the nearest one that it is in."""
        return next(
            (self.values[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.values), self.of_key(*path)
        )


def toml_places(text: str) -> Places:
    """Returns the places in a valid TOML text whose lines end with a line feed alone."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._places = Places({}, {})

    def scan(self) -> Places:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._places

    def _header(self) -> Path:
        place = self._place()
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        table = self._key((), place)
        self._at += brackets
        self._places.values.setdefault(table, place)
        return table

    def _pair(self, table: Path) -> None:
        path = self._key(table, None)
        self._at += 1  # =
        self._skip(_SPACE)
        self._value(path)

    def _key(self, table: Path, place: Place | None) -> Path:
        """Reads a key, which may have dots, with the blanks around it. Each part is at `place`, or where it begins."""
        path = table
        while True:
            self._skip(_SPACE)
            begins = self._place()
            path += (self._simple_key(),)
            self._places.keys.setdefault(path, place or begins)
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return path
            self._at += 1

    def _simple_key(self) -> str:
        if self._text[self._at] not in "\"'":
            return self._skip(_BARE)
        return str(tomllib.loads(f"key = {self._skip(_STRING)}")["key"])

    def _value(self, path: Path) -> None:
        self._places.values.setdefault(path, self._place())
        first = self._text[self._at]
        if first in "\"'":
            self._skip(_STRING)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._skip(_OTHER)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._goes_on("]"):
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._goes_on("}"):
            self._pair(path)

    def _goes_on(self, closing: str) -> bool:
        """Skips what is between two elements. Returns False, behind the bracket, if there is no further one."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != closing:
            return True
        self._at += 1
        return False

    def _skip(self, what: re.Pattern[str]) -> str:
        found = what.match(self._text, self._at)
        if found is None:  # the text is not valid
            raise ValueError(f"unexpected text at {self._place()}")
        self._at = found.end()
        return found[0]

    def _place(self) -> Place:
        line = bisect_right(self._lines, self._at)
        return Place(line, self._at - self._lines[line - 1] + 1)
