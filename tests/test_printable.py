"""Text of others is printed without its control characters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from lightship.printable import json_line, printable, printable_lines

ESCAPES = {
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\x00": r"\x00",
    "\x1b": r"\x1b",
    "\x7f": r"\x7f",
    "\x9b": r"\x9b",
    "\u2028": r"\u2028",
    "\u202e": r"\u202e",
    "\u2066": r"\u2066",
    "\ufeff": r"\ufeff",
    "\U000e0041": r"\U000e0041",
    "\udc80": r"\udc80",
}


@pytest.mark.parametrize(("character", "escape"), ESCAPES.items())
def test_a_control_character_becomes_its_escape(character: str, escape: str) -> None:
    assert printable(f"a{character}b") == f"a{escape}b"


@pytest.mark.parametrize("text", ["", "dog", "Größe 5 µm", "犬", "🐕", r"C:\new", "non\u00a0breaking"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_lines_stay_lines() -> None:
    assert printable_lines("a\x1b[2J\nb\r\n") == "a\\x1b[2J\nb\\r\n"


@pytest.mark.parametrize("character", [character for character in ESCAPES if character != "\udc80"])
def test_json_has_the_same_characters_as_escapes(character: str) -> None:
    line = json_line({"name": f"a{character}b"})
    assert line.isprintable()
    assert json.loads(line) == {"name": f"a{character}b"}


def test_json_of_a_lone_surrogate_is_still_json() -> None:
    line = json_line({"a\udc80": ["\ud800", 1, None, True, {"x": Path("b\udcff")}]})
    assert json.loads(line) == {"a\\udc80": ["\\ud800", 1, None, True, {"x": "b\\udcff"}]}


def test_json_may_be_indented() -> None:
    assert json_line({"a": "\x9b"}, indented=True) == '{\n  "a": "\\u009b"\n}'


@dataclass
class Point:
    x: int


def test_json_takes_dataclasses_and_writes_what_it_does_not_know_as_text() -> None:
    assert json.loads(json_line({"a": Point(1), "b": Path("/x")})) == {"a": {"x": 1}, "b": "/x"}
