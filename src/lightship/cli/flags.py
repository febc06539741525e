"""Parses flags as TensorFlow Serving does: `--name=value`, and `--name` for booleans.

In addition this accepts `--name value` and `--noname`. An unknown flag is an error; TensorFlow Serving ignores it.
"""

from __future__ import annotations

import difflib
import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lightship.errors import InvalidArgument

Value = int | float | bool | str


class Role(Enum):
    """How this server treats a flag of TensorFlow Serving."""

    USED = "used"
    PLANNED = (
        "planned"  # not implemented yet, and needed by those who set it: a value other than the default is refused
    )
    IGNORED = "ignored"  # accepted with a warning, but has no effect here


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. The type of its default is the type of its values."""

    name: str
    default: Value
    role: Role
    help: str
    # The size of a whole number.
    bits: int = 32

    def parse(self, text: str) -> Value:
        """Returns the value of a text. Raises InvalidArgument if it has the wrong type."""
        try:
            if isinstance(self.default, bool):
                return _TRUTH[text.lower()]
            if isinstance(self.default, int):
                return self._whole(text)
            return float(text) if isinstance(self.default, float) else text
        except (KeyError, ValueError) as error:
            raise InvalidArgument(f"--{self.name} is {text!r}; give {self.kind}") from error

    @property
    def kind(self) -> str:
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, int):
            return f"a whole number of {self.bits} bits"
        return "a number" if isinstance(self.default, float) else "a text"

    def _whole(self, text: str) -> int:
        number = int(text, 10)
        if not -(2 ** (self.bits - 1)) <= number < 2 ** (self.bits - 1):
            raise ValueError(text)
        return number


_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class UnknownFlag(InvalidArgument):
    """An argument that is not a known flag."""


def parse_flags(arguments: Sequence[str], flags: Sequence[Flag]) -> dict[str, Value]:
    """Returns the values of the given flags; the last value of a repeated one. Raises UnknownFlag, InvalidArgument."""
    known = {flag.name: flag for flag in flags}
    given: dict[str, Value] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        flag, text = _split(argument, known)
        if text is None and not isinstance(flag.default, bool):
            if not rest:
                raise InvalidArgument(
                    f"--{flag.name} has no value; give {flag.kind}, such as --{flag.name}={flag.default}"
                )
            text = rest.pop(0)
        given[flag.name] = flag.parse("true" if text is None else text)
    return given


def _split(argument: str, known: Mapping[str, Flag]) -> tuple[Flag, str | None]:
    """Returns the flag, and the text after `=` if there is one."""
    if argument.startswith("--"):
        name, equals, text = argument[2:].partition("=")
        if name in known:
            return known[name], text if equals else None
        negated = known.get(name.removeprefix("no"))
        if negated is not None and name.startswith("no") and isinstance(negated.default, bool) and not equals:
            return negated, "false"
    raise UnknownFlag(f"unknown argument: {argument}{_did_you_mean(argument, known)}")


def _did_you_mean(argument: str, known: Mapping[str, Flag]) -> str:
    name, equals, text = argument.lstrip("-").partition("=")
    if not argument.startswith("-") and os.path.isdir(argument):
        return f" (did you mean --model_base_path={os.path.abspath(argument)}?)"
    close = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
    return f" (did you mean --{close[0]}{equals}{text}?)" if close else " (--help lists the flags)"


_WRAPPED: Mapping[str, Any] = {
    **dict.fromkeys(("initial_indent", "subsequent_indent"), "      "),
    **dict.fromkeys(("break_on_hyphens", "break_long_words"), False),
}


def usage(program: str, flags: Sequence[Flag]) -> str:
    """Returns the text of --help, with each flag's default and effect, as wide as the terminal."""
    width = max(40, shutil.get_terminal_size().columns)
    lines = [
        f"usage: {program} --rest_api_port=8501 --model_name=NAME --model_base_path=/absolute/path [flags]",
        "Flags:",
    ]
    for flag in flags:
        default = repr(flag.default).lower() if isinstance(flag.default, bool) else repr(flag.default)
        note = {Role.USED: "", Role.PLANNED: " (not supported yet)", Role.IGNORED: " (accepted, but has no effect)"}
        lines.append(f"  --{flag.name}={default}")
        lines += textwrap.wrap(f"{flag.help}{note[flag.role]}", width, **_WRAPPED)
    return "\n".join(lines)
