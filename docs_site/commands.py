"""The reference of the commands, made from the commands themselves."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin
from unittest import mock

import typer

from docs_site.tables import code, prose, table
from lightship import processors
from lightship.cli import model_server_flags
from lightship.cli.app import app
from lightship.cli.flags import Flag, Role

# A number of processors that no machine has, to find the defaults that follow it.
_MANY = 1_000_003
_KINDS = {int: "N", float: "N", Path: "PATH"}
_EFFECTS = {Role.USED: "", Role.IGNORED: "Accepted, but has no effect.", Role.PLANNED: "Refused, unless the default."}


def lightship_commands() -> str:
    """Returns a section for `lightship`, and for each of its commands."""
    root = typer.main.get_command(app)
    return "\n".join(_sections(root, typer.Context(root, info_name="lightship", **root.context_settings)))


def _sections(command: Any, context: typer.Context) -> Iterator[str]:
    yield f"## {context.command_path}\n"
    if command.help:
        yield f"{prose(command.help)}\n"
    shown = [one for one in command.get_params(context) if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option"]
    words = ["[OPTIONS]", *map(_usage, arguments), *(["COMMAND"] if getattr(command, "commands", None) else [])]
    yield f"```text\n{context.command_path} {' '.join(words)}\n```\n"
    yield from _parameters("argument", arguments)
    for panel in dict.fromkeys(one.rich_help_panel for one in options):  # first those without one
        if panel:
            yield f"### {panel} options of {context.command_path}\n"
        yield from _parameters("option", [one for one in options if one.rich_help_panel == panel])
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from _sections(one, typer.Context(one, info_name=name, parent=context))


def _usage(argument: Any) -> str:
    """Returns an argument as a usage line has it: `[MODEL]` may be left out, `PHOTO...` can be repeated."""
    name = _argument(argument) + ("..." if argument.nargs != 1 and "..." not in _argument(argument) else "")
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _argument(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _parameters(kind: str, given: Sequence[Any]) -> Iterator[str]:
    if given:
        rows = [[kind, "default", "environment", "meaning"], *map(_row, given)]
        used = [column for column in zip(*rows, strict=True) if any(column[1:])]
        head, *body = zip(*used, strict=True)
        yield table(head, body)


def _row(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        name = code(_argument(parameter))
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or _kind(parameter.type_descriptor.annotation)}"
        name = ", ".join(code(one + value) for one in [*parameter.opts, *parameter.secondary_opts])
    return [name, _default(parameter), code(parameter.envvar or ""), prose(parameter.help or "") + _range(parameter)]


def _kind(annotation: Any) -> str:
    """Returns what stands for a value of this type: N, PATH, TEXT, or the choices."""
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    plain = [one for one in get_args(annotation) if one is not type(None)]
    return _kind(plain[0]) if plain else _KINDS.get(annotation, "TEXT")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is True and parameter.param_type_name == "option":
        return code(parameter.opts[0])
    if parameter.default in (None, False) or parameter.default == ():
        return ""
    return code(f"{parameter.default:g}" if isinstance(parameter.default, float) else str(parameter.default))


def _range(parameter: Any) -> str:
    """Returns the least value, where it says more than that the number is not negative."""
    return f" At least {parameter.min:g}." if parameter.min else ""


def model_server_flags_table() -> str:
    """Returns a table of the flags of `lightship-model-server`."""
    flags, many = model_server_flags.FLAGS, _with_many_processors().FLAGS
    return table(
        ["flag", "default", "meaning"],
        (
            [code(f"--{one.name}"), _flag_default(one, same), _flag_help(one)]
            for one, same in zip(flags, many, strict=True)
        ),
    )


def _flag_help(flag: Flag) -> str:
    text = prose(flag.help)
    return f"{text[:1].upper()}{text[1:]}. {_EFFECTS[flag.role]}"


def _flag_default(flag: Flag, with_many: Flag) -> str:
    if flag.default != with_many.default:
        times = int(with_many.default) // _MANY
        return "the number of processors" if times == 1 else f"{times} x the number of processors"
    return code(str(flag.default).lower() if isinstance(flag.default, bool) else str(flag.default))


def _with_many_processors() -> ModuleType:
    """Returns the module of the flags as it would be on a machine with `_MANY` processors."""
    found = importlib.util.find_spec(model_server_flags.__name__)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    with mock.patch.object(processors, "available_cpus", return_value=_MANY):
        found.loader.exec_module(module)
    return module
