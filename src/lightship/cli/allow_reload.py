"""The option `--allow-reload [ROOT]` of `lightship serve`, whose value may be left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand
from typer.exceptions import TyperException

FLAG = "--allow-reload"
ANYWHERE = "/"  # the root that stands for a value that is left out


class ServeCommand(TyperCommand):
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


def reload_root(text: str | None) -> Path | None:
    """Returns the folder below which clients may choose models, or None if they may not reload.

    Raises BadParameter for an empty text, for what is not a folder, and for a model's folder: that was meant as MODEL.
    """
    from lightship.saved_model.versions import expected_in_model_folder

    if text is None:
        return None
    if not text:
        raise typer.BadParameter(f"{FLAG}= has no folder after the =: give {FLAG}=ROOT, or {FLAG} alone for any folder")
    root = Path(text)
    if not root.is_dir():
        raise typer.BadParameter(
            f"{FLAG}: {text!r} is not a folder: give the folder below which clients may choose models, or / for any"
        )
    if expected_in_model_folder(root) is None:
        raise typer.BadParameter(
            f"{FLAG} took {text!r} as its ROOT, which is a model's own folder: give MODEL before {FLAG}, or as "
            "ROOT a folder of models"
        )
    return root.absolute()


def _with_value(arguments: Sequence[str]) -> Iterator[str]:
    for argument, following in _pairs(arguments):
        yield f"{FLAG}={ANYWHERE}" if argument == FLAG and following.startswith("-") else argument


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields each argument with the one that follows it, and the last one with --."""
    return zip(arguments, [*arguments, "--"][1:], strict=True)
