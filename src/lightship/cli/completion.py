"""The options `--install-completion` and `--show-completion`, which typer declares, with the shell's name after them.

Typer itself only takes the shell that it finds among the parent processes, which a Dockerfile or a script has not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from lightship.cli.output import print_text
from lightship.errors import InvalidArgument

INSTALL, SHOW = "--install-completion", "--show-completion"
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_PROGRAM, _VARIABLE = "lightship", "_LIGHTSHIP_COMPLETE"


def run_completion(words: Sequence[str]) -> bool:
    """Installs or prints the completion script if the arguments ask for it, and returns whether they do.

    Raises InvalidArgument for an unknown shell, or if none is named and none can be found.
    """
    if not words or words[0] not in (INSTALL, SHOW) or len(words) > 2:
        return False
    shell = words[1] if len(words) == 2 else _current_shell()
    if shell not in SHELLS:
        given = f"{shell!r} is not a shell that it works for" if shell else "your shell is not known"
        raise InvalidArgument(f"{words[0]}: {given}: give one of {', '.join(SHELLS)}, as in lightship {words[0]} bash")
    from typer.completion import get_completion_script, install  # type: ignore[attr-defined]

    if words[0] == SHOW:
        print_text(get_completion_script(prog_name=_PROGRAM, complete_var=_VARIABLE, shell=shell))
        return True
    _, path = install(shell, _PROGRAM, _VARIABLE)
    print_text(f"{shell} completes lightship from its next start on; the script is {path}")
    return True


def _current_shell() -> str:
    """Returns the name of the shell that runs this command, else of the user's login shell; empty if not known."""
    import shellingham  # type: ignore[import-untyped]  # typer needs it

    try:
        name, _ = shellingham.detect_shell()
    except shellingham.ShellDetectionFailure:
        name = os.path.basename(os.environ.get("SHELL", ""))
    return str(name)
