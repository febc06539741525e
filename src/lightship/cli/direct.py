"""Reads plain command lines without typer, so that a server starts sooner.

Whatever is not plain (help, a mistake, an abbreviation) is left to typer, which explains it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from lightship.cli.options import Argument, Parameter, parameters_of

_WHOLE, _NUMBER = re.compile(r"0|[1-9][0-9]{0,14}"), re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
# The settings that do not change what is read, beside those that this module applies: envvar and min.
_FOR_HELP = {"help", "metavar", "rich_help_panel", "envvar", "min", "autocompletion"}


class _NotPlain(Exception):
    """Only typer knows what these arguments mean."""


def direct_arguments(command: Callable[..., None], words: Sequence[str]) -> dict[str, Any] | None:
    """Returns the keyword arguments that typer would call a command with, without those that have their default.

    Returns None if the words, or the environment, are not plain. The annotations of the command are `Option`s.
    """
    if any(name.endswith("_COMPLETE") for name in os.environ):  # a shell asks for completions
        return None
    try:
        parameters = _plain_parameters(command)
        texts = _texts(parameters, words)
        given = {**_from_environment(parameters, texts), **texts}
        if any(one.required and one.name not in given for one in parameters):
            return None
        return {one.name: _value(one, given[one.name]) for one in parameters if one.name in given}
    except _NotPlain:
        return None


def _plain_parameters(command: Callable[..., Any]) -> list[Parameter]:
    parameters = parameters_of(command)
    if parameters is None or any(one.declared.settings.keys() - _FOR_HELP for one in parameters):
        raise _NotPlain
    return parameters


def _texts(parameters: Iterable[Parameter], words: Sequence[str]) -> dict[str, list[str]]:
    """Returns the texts of each parameter that is given. A flag has none."""
    options = {name: one for one in parameters if not isinstance(one.declared, Argument) for name in one.names}
    texts: dict[str, list[str]] = {}
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            arguments.append(word)
            continue
        name, equals, text = word.partition("=")
        option = options.get(name)
        if option is None or not name.startswith("--") or (option.is_flag and (equals or not option.declared.names)):
            raise _NotPlain
        text = text if equals or option.is_flag else next(rest, "")
        if not option.is_flag and (not text or text.startswith("-")):
            raise _NotPlain
        texts[option.name] = [*texts.get(option.name, ()), text]
    return {**texts, **_arguments([one for one in parameters if isinstance(one.declared, Argument)], arguments)}


def _arguments(parameters: Sequence[Parameter], texts: Sequence[str]) -> dict[str, list[str]]:
    """Gives the arguments without names to their parameters, in order; a list takes all."""
    if len(parameters) == 1 and parameters[0].is_list:
        return {parameters[0].name: list(texts)} if texts else {}
    if len(texts) > len(parameters) or any(one.is_list for one in parameters):
        raise _NotPlain
    return {one.name: [text] for one, text in zip(parameters, texts, strict=False)}


def _from_environment(parameters: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {}
    for one in parameters:
        text = os.environ.get(one.declared.settings.get("envvar", ""))
        if text is None or one.name in given:
            continue
        if not text.strip() or one.is_flag:
            raise _NotPlain
        found[one.name] = text.split() if one.is_list else [text]
    return found


def _value(parameter: Parameter, texts: Sequence[str]) -> Any:
    if parameter.is_flag:
        return True
    values = [_value_of(parameter, text) for text in texts]
    return values if parameter.is_list else values[-1]


def _value_of(parameter: Parameter, text: str) -> Any:
    kind = get_args(parameter.type)[0] if parameter.is_list else parameter.type
    value = _converted(kind, text)
    if "min" in parameter.declared.settings and value < parameter.declared.settings["min"]:
        raise _NotPlain
    return value


def _converted(kind: Any, text: str) -> Any:
    if kind is str or kind is Path:
        return kind(text)
    if (kind is int and _WHOLE.fullmatch(text)) or (kind is float and _NUMBER.fullmatch(text)):
        return kind(text)
    if get_origin(kind) is Literal and text in get_args(kind):
        return text
    raise _NotPlain
