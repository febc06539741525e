"""The option `--allow-reload [ROOT]` of `lightship serve`, whose value may be left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.exceptions import TyperException

from lightship.cli.help_text import HelpCommand
from lightship.cli.reload_root import FLAG

ANYWHERE = "/"  # the root that stands for a value that is left out


class ServeCommand(HelpCommand):
    """Adds the value of `--allow-reload` where it is left out, which typer has no option for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        root = next((after for flag, after in _pairs(args) if flag == FLAG and not after.startswith("-")), None)
        try:
            return super().parse_args(ctx, list(_with_value(args)))
        except TyperException as error:
            if root is None or "MODEL" not in error.format_message():
                raise
            raise typer.BadParameter(
                f"no MODEL: {FLAG} took {root!r} as its ROOT; give MODEL before {FLAG}", ctx=ctx
            ) from None


def _with_value(arguments: Sequence[str]) -> Iterator[str]:
    for argument, following in _pairs(arguments):
        yield f"{FLAG}={ANYWHERE}" if argument == FLAG and following.startswith("-") else argument


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields each argument with the one that follows it, and the last one with --."""
    return zip(arguments, [*arguments, "--"][1:], strict=True)
