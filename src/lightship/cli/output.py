"""Prints results, with the control characters of servers, models and file names escaped.

All commands print through this module, so that no text of a server can send an escape sequence to the terminal.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from lightship.printable import json_line, printable, printable_lines

if TYPE_CHECKING:
    from rich.table import Table

_WRAPPED_WIDTH = 20  # characters that a column of a table has at least if its texts wrap


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
    """Prints a text in a style, or a table, whose texts are escaped already.

    The cells of a column that must not wrap are printed whole: if the table does not fit otherwise, it is wider than
    the terminal.
    """
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, markup=False)
    if isinstance(what, str):
        console.print(printable_lines(what), style=style, soft_wrap=True)
        return
    console.width = max(console.width, _least_width(what))
    console.print(what, style=style)


def _least_width(table: Table) -> int:
    """Returns the width that a table without borders needs for the columns that must not wrap, beside the others."""
    from rich.cells import cell_len

    _, right, _, left = table.padding
    width = 0
    for column in table.columns:
        longest = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
        width += left + right + (longest if column.no_wrap else min(longest, _WRAPPED_WIDTH))
    return width if table.pad_edge else width - left - right


def add_row(table: Table, *cells: str) -> None:
    """Adds a row of texts to a table."""
    table.add_row(*map(printable, cells))
