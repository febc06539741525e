"""Declares the options of a command in its signature, without typer, which takes a tenth of a second to import.

`typer_command` gives typer the options for everything; `direct.py` reads plain command lines without it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

from lightship.errors import InvalidArgument

Parsed = TypeVar("Parsed")


class WrongArguments(Exception):
    """The arguments of a command are wrong; they are reported with a hint at `--help`.

    parameter: the name of the parameter whose value is wrong. The report then names its option, and its environment
    variable if the value is from there.
    """

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


def parsed(parameter: str, text: str, parse: Callable[[str], Parsed]) -> Parsed:
    """Returns the value of an option's text. Raises WrongArguments for the parameter where `parse` refuses the text."""
    try:
        return parse(text)
    except InvalidArgument as error:
        raise WrongArguments(error.message, parameter) from None


class Option:
    """An option in the annotation of a parameter: `Annotated[int, Option(min=1, help="...")]`.

    It takes the names and keywords of `typer.Option`.
    """

    __slots__ = ("names", "settings")
    kind = "Option"

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names, self.settings = names, settings


class Argument(Option):
    """An argument without a name. It takes the keywords of `typer.Argument`."""

    __slots__ = ()
    kind = "Argument"


class Parameter(NamedTuple):
    """One parameter of a command's function, which is declared as an `Option`."""

    name: str
    # Without `| None`.
    type: Any
    declared: Option
    required: bool

    @property
    def names(self) -> tuple[str, ...]:
        return self.declared.names or (f"--{self.name.replace('_', '-')}",)

    @property
    def is_flag(self) -> bool:
        return self.type is bool

    @property
    def is_list(self) -> bool:
        return get_origin(self.type) is list


def parameters_of(command: Callable[..., Any]) -> list[Parameter] | None:
    """Returns the parameters of a command's function, or None if one of them is not declared as an `Option`."""
    found = []
    for one in inspect.signature(command, eval_str=True).parameters.values():
        plain, *metadata = get_args(one.annotation) if get_origin(one.annotation) is Annotated else (one.annotation,)
        if not metadata or not isinstance(metadata[0], Option):
            return None
        found.append(Parameter(one.name, _without_none(plain), metadata[0], one.default is one.empty))
    return found


def _without_none(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if type(None) in get_args(annotation) and len(kinds) == 1 else annotation


def typer_command(function: Callable[..., None]) -> Callable[..., None]:
    """Returns the command for typer: its annotations are typer's own, and its usage errors typer's too."""
    import typer

    @functools.wraps(function)
    def command(**values: Any) -> None:
        try:
            function(**values)
        except WrongArguments as error:
            raise typer.BadParameter(str(error), param_hint=error.parameter or None) from None

    signature = inspect.signature(function, eval_str=True)
    parameters = [one.replace(annotation=_for_typer(one.annotation)) for one in signature.parameters.values()]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__dict__["__signature__"] = signature.replace(parameters=parameters)
    del command.__dict__["__wrapped__"]
    return command


def _for_typer(annotation: Any) -> Any:
    import typer

    plain, *metadata = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    if not metadata or not isinstance(metadata[0], Option):
        return annotation
    declared = metadata[0]
    return Annotated[plain, getattr(typer, declared.kind)(*declared.names, **declared.settings)]
