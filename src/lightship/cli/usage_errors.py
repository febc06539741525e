"""Words typer's errors about wrong arguments: what is missing, and the option that was probably meant."""

from __future__ import annotations

from typing import Any

from lightship.cli.help_text import argument_name, first_sentence

MISSING = "Missing argument"
# For an option that is given what another one takes: the remedy behind the error about its value.
_REMEDIES = {"access_log": "for a file, give --access-log-file"}


def usage_error_text(error: Any) -> str:
    """Returns the text of a usage error of typer, in one line."""
    near = getattr(error, "possibilities", None)
    if near:
        return f"{error.message}: did you mean {near[0]}?"  # the nearest one is the first
    argument = getattr(error, "param", None)
    if not error.message and argument is not None and argument.param_type_name == "argument":  # it is missing
        return _missing(argument)
    return " ".join(_explained(error).replace("Value error, ", "").split())


def _explained(error: Any) -> str:
    """Returns the text of an error; for a wrong value with its option, its variable if it is from there, and itself."""
    option = _option(error)
    if str(error.message).startswith(MISSING):  # a command's own, for an argument that only it knows to be missing
        return str(error.message)
    if option is None or not error.message:
        return str(error.format_message())
    where = " / ".join(f"'{name}'" for name in option.opts)
    if getattr(error.ctx.get_parameter_source(option.name), "name", "") == "ENVIRONMENT":
        where += f" (env var: '{option.envvar}')"
    remedy = f" ({_REMEDIES[option.name]})" if option.name in _REMEDIES else ""
    return f"Invalid value for {where}: {_value(error)}{error.message.removesuffix('.')}{remedy}"


def _option(error: Any) -> Any:
    """Returns the option whose value is wrong, which `typer_command` gives by name; None if there is none."""
    context, name = getattr(error, "ctx", None), getattr(error, "param_hint", None)
    if context is None or not hasattr(error, "param_hint"):
        return None
    found = error.param or next((one for one in context.command.params if one.name == name), None)
    return found if found is not None and found.param_type_name == "option" else None


def _value(error: Any) -> str:
    """Returns the value that has the wrong type, which typer's own text does not give; else an empty text."""
    wrong = getattr(error.__cause__, "errors", None)  # of pydantic, which typer checks values with
    given = wrong()[0].get("input") if callable(wrong) else None
    return "" if given is None or repr(given) in error.message else f"{given!r}: "


def _missing(argument: Any) -> str:
    expected = first_sentence(argument.help or "")
    expected = f": {expected[:1].lower()}{expected[1:]}" if expected else ""
    return f"{MISSING} {argument_name(argument)}{expected}"
