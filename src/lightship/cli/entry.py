"""The entry points of the commands.

They handle signals first, and only then import the command itself, which may take up to a second. So this module and
the packages that it is in import nothing else.
"""

from __future__ import annotations

import gc
import sys

from lightship import signals
from lightship.cli.standard_files import open_missing

INTERRUPTED = 130  # the exit code that shells report for a process that SIGINT ended


def main() -> None:
    """Runs `lightship`. The exit code is 0 on success, 2 for wrong arguments, 130 after Ctrl-C, and otherwise 1."""
    open_missing()
    if _serves(sys.argv[1:]):
        signals.handle_server_start()
        gc.disable()  # until `resume_collections`: what is imported is not garbage
    else:
        signals.handle_command()
    try:
        _limit_libraries()
        from lightship.cli.running import run

        run()
    except KeyboardInterrupt:  # while the command was imported
        sys.exit(INTERRUPTED)


def model_server() -> None:
    """Runs `lightship-model-server`. If the start fails, the exit code is 255."""
    open_missing()
    signals.handle_server_start()
    gc.disable()
    _limit_libraries()
    from lightship.cli.model_server_command import main

    main()


def _limit_libraries() -> None:
    from lightship.processors import limit_libraries

    limit_libraries()


def _serves(arguments: list[str]) -> bool:
    """Returns whether the command is `lightship serve`. The options before a command have no values."""
    return next((argument for argument in arguments if not argument.startswith("-")), "") == "serve"
