"""Finds where the fields of a protobuf text are. The text must be valid."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from lightship.cli.config.faults import Place

Path = tuple[str | int, ...]

_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[\w.+-]+|[{}<>\[\]:;,]""")
_OPENS, _CLOSES = "{<", "}>"


class _Token(NamedTuple):
    text: str
    place: Place


class FieldPlaces(NamedTuple):
    """The places of fields, by their paths: ("model_config_list", 0, "config", 2, "name", 0) with their counts."""

    fields: dict[Path, Place]
    # The texts of those that are strings, as they are written, with their quotes.
    texts: dict[Path, str]

    def of(self, *path: str | int) -> Place:
        """Returns the place of a field, or that of the nearest one that it is in."""
        return next((self.fields[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.fields), Place(1, 1))


def field_places(text: str) -> FieldPlaces:
    """Returns the places of all fields of a valid text."""
    places = FieldPlaces({}, {})
    path: Path = ()
    counts: Counter[Path] = Counter()  # of the fields of each name in each message
    field, value = "", False  # the last name of a field, and whether its value comes next
    for token in _tokens(text):
        if token.text in _OPENS:
            path = (*path, field, counts[(*path, field)])
            places.fields.setdefault(path, token.place)
            field, value = "", False
        elif token.text in _CLOSES:
            counts[path[:-1]] += 1
            path, field = path[:-2], str(path[-2])  # the next one may be in the same list
        elif token.text == ":":
            value = True
        elif value and token.text not in "[],;":
            places.texts[(*path, field, counts[(*path, field)])] = token.text
            counts[(*path, field)] += 1
            value = False
        elif token.text not in "[],;" and token.text[0] not in "\"'":
            field = token.text
            places.fields.setdefault((*path, field, counts[(*path, field)]), token.place)
    return places


def _tokens(text: str) -> list[_Token]:
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        tokens = (one for one in _TOKEN.finditer(line) if not one[0].startswith("#"))
        found += [_Token(one[0], Place(number, one.start() + 1)) for one in tokens]
    return found
