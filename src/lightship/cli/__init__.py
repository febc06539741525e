"""The command line: one module a command. It parses, calls and prints; what happens is in the rooms below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightship.cli.app import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    """`main` when asked for: `lightship-model-server`, whose flags are its own, does without typer."""
    if name != "main":
        raise AttributeError(f"module 'lightship.cli' has no attribute {name!r}")
    from lightship.cli.app import main

    return main
