"""The command line, with one module per command. It parses options, calls the other packages and prints the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightship.cli.app import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    """Imports `main` when it is first used, because `lightship-model-server` does not need typer."""
    if name != "main":
        raise AttributeError(f"module 'lightship.cli' has no attribute {name!r}")
    from lightship.cli.app import main

    return main
