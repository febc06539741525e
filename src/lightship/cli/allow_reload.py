"""The command `lightship serve` for typer: an option whose value may be left out, and which arguments were given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from lightship.cli.help_text import HelpCommand
from lightship.cli.reload_root import FLAG

ANYWHERE = "/"  # the root that stands for a value that is left out
_DEFAULT = "DEFAULT"  # where typer has a value from that nobody gave


class ServeCommand(HelpCommand):
    """Adds the value of `--allow-reload` where it is left out, which typer has no option for.

    The command is called with the arguments that were given, without those that have their default. Then it can tell
    what wins over a configuration file.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        root = next((after for flag, after in _pairs(args) if flag == FLAG and not after.startswith("-")), None)
        rest = super().parse_args(ctx, list(_with_value(args)))
        named = ctx.params.get("models") or ctx.params.get("config")
        if root is not None and not named and not ctx.resilient_parsing:
            raise typer.BadParameter(f"no MODEL: {FLAG} took {root!r} as its ROOT; give MODEL before {FLAG}", ctx=ctx)
        return list(rest)

    def invoke(self, ctx: Any) -> Any:
        command = getattr(self.callback, "__wrapped__", self.callback)  # without typer's, which adds all defaults
        sources = {name: getattr(ctx.get_parameter_source(name), "name", _DEFAULT) for name in ctx.params}
        given = {name: value for name, value in ctx.params.items() if sources[name] != _DEFAULT}
        return ctx.invoke(
            command, **{name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
        )


def _with_value(arguments: Sequence[str]) -> Iterator[str]:
    for argument, following in _pairs(arguments):
        yield f"{FLAG}={ANYWHERE}" if argument == FLAG and following.startswith("-") else argument


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields each argument with the one that follows it, and the last one with --."""
    return zip(arguments, [*arguments, "--"][1:], strict=True)
