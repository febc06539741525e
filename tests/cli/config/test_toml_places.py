"""The places of keys and values in TOML texts of every form."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from lightship.cli.config.toml_places import Path, toml_places

EVERYTHING = '''# a comment with [brackets] and "quotes"
title = "a # in a text"
'single quoted' = 1
"double \\"quoted\\"" = [ 1, 2,
  3, # a comment ] in a list
  [ "]", '}' ],
]
a.b . "c.d" = true
empty = []
nothing = {}
inline = { x = 1, y.z = "}", list = [{ deep = 1 }, { deep = 2 }] }
when = 1979-05-27 07:32:00
text = """
[not.a.table]
no = "key" \\""" still """""
raw = \'\'\'
x = 1 \\\'\'\'
last = 0x_ff
[models.dog]
path = "models/dog"
  [models . "big cat"]
  versions = [1, 2]
[[many]]
name = 1
[[many]]
name = 2
'''.replace("0x_ff", "0xff")


def paths_in(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths_in(inner, (*path, key))
    elif isinstance(value, list) and not (value and path == ("many",)):
        for index, inner in enumerate(value):
            found |= paths_in(inner, (*path, index))
    return found


def test_every_key_and_value_has_a_place() -> None:
    parsed = tomllib.loads(EVERYTHING)
    places = toml_places(EVERYTHING)
    expected = paths_in(parsed)
    assert {path for path in expected if isinstance(path[-1], str)} <= places.keys.keys()
    assert {path for path in expected if isinstance(path[-1], int)} <= places.values.keys()
    assert {path for path in places.keys if path[0] != "many"} <= expected


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("title",), (2, 1), (2, 9)),
        (('double "quoted"',), (4, 1), (4, 23)),
        (('double "quoted"', 2), (4, 1), (5, 3)),
        (("a", "b", "c.d"), (8, 7), (8, 15)),
        (("inline", "y", "z"), (11, 21), (11, 25)),
        (("inline", "list", 1, "deep"), (11, 54), (11, 61)),
        (("last",), (18, 1), (18, 8)),
        (("models", "dog", "path"), (20, 1), (20, 8)),
        (("models", "big cat", "versions", 1), (22, 3), (22, 18)),
    ],
)
def test_places_are_those_of_an_editor(path: Path, key: tuple[int, int], value: tuple[int, int]) -> None:
    places = toml_places(EVERYTHING)
    assert (places.of_key(*path), places.of_value(*path)) == (key, value)


def test_what_is_not_there_has_the_place_of_what_it_would_be_in() -> None:
    places = toml_places("[models.dog]\npath = 'x'\n")
    assert places.of_value("models", "dog", "labels", "stable") == (1, 1)
    assert places.of_key("models", "cat") == (1, 1)
    assert toml_places("").of_value("x") == (1, 1)
