"""Finds in files."""

from __future__ import annotations

from pathlib import Path

from fuzz.case import Case, Ending, Find, read_find, write_find


def test_a_find_is_read_as_it_was_written(tmp_path: Path) -> None:
    cases = (Case("stream", (b"\x00\xff", b"a"), Ending.HALF_CLOSE), Case("json", (b"b",), Ending.WAIT, (200, 0)))
    find = Find("the server ended", cases)
    write_find(find, tmp_path / "finds" / "1.json")
    assert read_find(tmp_path / "finds" / "1.json") == find
