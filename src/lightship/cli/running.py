"""Runs the command `lightship`, without typer where its arguments are plain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from lightship import __version__
from lightship.cli.failures import quiet_libraries, run_command
from lightship.cli.log_output import print_log
from lightship.cli.output import escape_unencodable, print_text

# The commands whose plain arguments are read without typer. Each is a function of its name, in a module of its name.
_DIRECT = ("serve", "status")


def run() -> None:
    """Runs the command that the arguments name, and ends the process with an exit code if it fails."""
    quiet_libraries()
    print_log()
    escape_unencodable()
    run_command(_run)


def _run() -> None:
    if not _run_directly(sys.argv[1:]):
        from lightship.cli.app import run_app

        run_app()


def _run_directly(words: Sequence[str]) -> bool:
    """Runs the command if its arguments are plain. Returns False if typer has to read them."""
    if list(words) == ["--version"]:
        print_text(f"lightship {__version__}")
        return True
    if not words or words[0] not in _DIRECT:
        return False
    from lightship.cli.direct import direct_arguments
    from lightship.cli.options import WrongArguments

    command = getattr(import_module(f"lightship.cli.{words[0]}"), words[0])
    arguments = direct_arguments(command, words[1:])
    if arguments is None:
        return False
    try:
        command(**arguments)
    except WrongArguments:  # commands raise it before they do anything; typer shows it with the command's usage
        return False
    return True
