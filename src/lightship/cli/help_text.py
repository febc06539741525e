"""Help texts that fit any width: a name that is too long for its column is written whole, on a line of its own.

Typer's tables cut names on a terminal of 80 columns, and its plain lists break names at hyphens.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

_MAX_COLUMN = 30  # of names; a longer one has its text below it
_GAP = 2
_MIN_WIDTH = 20  # of the texts


class HelpCommand(TyperCommand):
    """A command whose help lists its arguments, its options, and then each further group of options."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return ["[OPTIONS]", *(_usage(one) for one in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self.get_params(ctx), ctx, formatter)


class HelpGroup(TyperGroup):
    """A group of commands whose help lists its options, and each command with a whole sentence.

    Without any argument, it prints its help.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_parameters(self.get_params(ctx), ctx, formatter)
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, first_sentence(one.help or "")) for name, one in commands if one is not None]
        _write_section(formatter, "Commands", rows)


def _write_parameters(parameters: Sequence[Any], ctx: Any, formatter: Any) -> None:
    groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for one in parameters:
        usual = "Arguments" if one.param_type_name == "argument" else "Options"
        record = one.get_help_record(ctx)
        if record is not None:
            name, text = record
            shown = argument_name(one) if usual == "Arguments" else _plain_types(name)
            groups.setdefault(getattr(one, "rich_help_panel", None) or usual, []).append((shown, text))
    for title, rows in groups.items():
        _write_section(formatter, title, rows)


def _write_section(formatter: Any, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Writes names with their texts in two columns. No word is broken."""
    if not rows:
        return
    with formatter.section(title):
        indent = " " * formatter.current_indent
        column = min(_MAX_COLUMN, max(len(name) for name, _ in rows)) + _GAP
        width = max(_MIN_WIDTH, formatter.width - len(indent) - column)
        for name, text in rows:
            lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
            if len(name) > column - _GAP:
                formatter.write(f"{indent}{name}\n")
                name = ""
            for line in lines:
                formatter.write(f"{indent}{name:{column}}{line}\n")
                name = ""
            if name:
                formatter.write(f"{indent}{name}\n")


def argument_name(argument: Any) -> str:
    """Returns how help and messages show an argument without a name, such as FOLDER."""
    return str(argument.metavar or argument.name.upper())


def _usage(argument: Any) -> str:
    name = argument_name(argument)
    if name.startswith("["):
        return name
    name += "..." if argument.nargs != 1 and not name.endswith("...") else ""
    return name if argument.required else f"[{name}]"


def _plain_types(name: str) -> str:
    """Returns the names of an option with its type in one word, such as <int> for a range of whole numbers."""
    return re.sub(r"<(?:list\[)?(\w+)(?: range)?\]?>", lambda found: f"<{found[1].lower()}>", name)


def first_sentence(text: str) -> str:
    """Returns the first sentence of a help text, without its full stop."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".")
