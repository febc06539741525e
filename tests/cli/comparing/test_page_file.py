"""The page of `--html` is written whole."""

from __future__ import annotations

from pathlib import Path

from lightship.cli.comparing.page_file import write_page_file


def test_a_name_that_is_not_utf_8_is_written_as_an_escape(tmp_path: Path) -> None:
    write_page_file(str(tmp_path / "page.html"), "caf\udce9")
    assert (tmp_path / "page.html").read_text() == "caf\\udce9"
