"""Words typer's errors about wrong arguments: what is missing, and the option that was probably meant."""

from __future__ import annotations

from typing import Any

from lightship.cli.help_text import argument_name, first_sentence


def usage_error_text(error: Any) -> str:
    """Returns the text of a usage error of typer, in one line."""
    near = getattr(error, "possibilities", None)
    if near:
        return f"{error.message}: did you mean {near[0]}?"  # the nearest one is the first
    argument = getattr(error, "param", None)
    if not error.message and argument is not None and argument.param_type_name == "argument":  # it is missing
        return _missing(argument)
    return " ".join(error.format_message().replace("Value error, ", "").split())


def _missing(argument: Any) -> str:
    expected = first_sentence(argument.help or "")
    expected = f": {expected[:1].lower()}{expected[1:]}" if expected else ""
    return f"Missing argument {argument_name(argument)}{expected}"
