"""Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`)")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table. The cells are Markdown; a line break or a bar in one does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """Returns a text on one line, with its bars escaped. In code they need no escape."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if part.startswith("`") else part.replace("|", "\\|") for part in parts)


def code(text: str) -> str:
    """Returns a text as code, or nothing for an empty one."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """Returns a plain text as Markdown: what Markdown or HTML would read as markup is escaped, but for code."""
    parts = _CODE.split(text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_<\[])", r"\\\1", part) for part in parts)
