"""Prints results, with the control characters of servers, models and file names escaped.

All commands print through this module, so that no text of a server can send an escape sequence to the terminal.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from lightship.printable import json_line, printable, printable_lines

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def escape_unencodable() -> None:
    """Lets the standard output print what its encoding lacks, as often on Windows, as escapes instead of failing."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_text(text: object = "", *, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """Prints a text, which may have several lines."""
    print(printable_lines(str(text)), end=end, file=file, flush=flush)


def print_json(fields: Any, *, indented: bool = False) -> None:
    """Prints a value as JSON, in one line unless it is `indented`, and flushes it."""
    print(json_line(fields, indented=indented), flush=True)


def print_styled(what: str | Table, *, style: str | None = None) -> None:
    """Prints a text in a style, or a table, whose texts are escaped already."""
    from rich.console import Console

    shown: RenderableType = printable_lines(what) if isinstance(what, str) else what
    Console(file=sys.stdout, highlight=False, markup=False).print(shown, style=style, soft_wrap=isinstance(what, str))


def add_row(table: Table, *cells: str) -> None:
    """Adds a row of texts to a table."""
    table.add_row(*map(printable, cells))
