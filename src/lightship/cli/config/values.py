"""Checks the values of a configuration file, which are those of the options of `lightship serve`, as TOML has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from lightship.cli.options import Parameter
from lightship.cli.reload_root import NAME as ALLOW_RELOAD
from lightship.cli.serve import parse_port
from lightship.cli.sizes import parse_bytes
from lightship.cli.workers import parse_workers
from lightship.engines.backends import check_engine
from lightship.engines.device import parse_device
from lightship.errors import InvalidArgument
from lightship.services.nearest_name import KnownNames

# What the text of an option means, by how the help shows its value. Such an option may also be a whole number.
_TEXTS: Mapping[str, Callable[[str], object]] = {
    "PORT|auto|0": parse_port,
    "N|auto": parse_workers,
    "SIZE": parse_bytes,
    "ENGINE": check_engine,
    "cpu|gpu|gpu:0,1": parse_device,
}
_MAX_SHOWN = 60  # characters of a wrong value in a message


def option_value(parameter: Parameter, given: object, folder: Path) -> Any:
    """Returns the argument for an option of `lightship serve` that a TOML value stands for.

    folder: that of the file; relative paths begin there. Raises InvalidArgument, which says what is expected.
    """
    kind: Any = parameter.type
    if parameter.name == ALLOW_RELOAD:
        return _reload_root(given, folder)
    if parameter.is_list:
        if not isinstance(given, list):
            example = f": [{shown(given)}]" if isinstance(given, str) else ""
            raise InvalidArgument(f"{shown(given)} is not a list: give a list of texts{example}")
        return [_text(one) for one in given]
    if kind is bool:
        return _truth(given)
    if kind in (int, float):
        return _number(kind, given, parameter.declared.settings.get("min"))
    if get_origin(kind) is Literal:
        return _choice(get_args(kind), given)
    if kind is Path:
        return path_in(folder, given)
    return _worded(parameter.declared.settings.get("metavar", ""), given)


def path_in(folder: Path, given: object) -> Path:
    """Returns the path of a text; a relative one begins in `folder`. Raises InvalidArgument."""
    return folder / _text(given)


def whole_number(given: object, least: int) -> int:
    """Returns a whole number that is at least `least`. Raises InvalidArgument."""
    return int(_number(int, given, least))


def shown(given: object) -> str:
    """Returns a TOML value as it is written in TOML, cut if it is long."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, dict):
        return "a table"
    if isinstance(given, date | time):
        return given.isoformat()
    if isinstance(given, list):
        text = f"[{', '.join(map(shown, given[:10]))}]"
    else:
        text = f'"{given}"' if isinstance(given, str) else repr(given)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise InvalidArgument(f'{shown(given)} is not a text: give one in quotes, such as "text"')
    if not given.strip():
        raise InvalidArgument(f"{shown(given)} is empty: give a text")
    if "\0" in given:
        raise InvalidArgument(f"{given!r} has a zero byte: give a text without")
    return given


def _truth(given: object) -> bool:
    if not isinstance(given, bool):
        raise InvalidArgument(f"{shown(given)} is neither true nor false: give one of them, without quotes")
    return given


def _number(kind: type[int] | type[float], given: object, least: float | None) -> float:
    wanted = "whole number" if kind is int else "number"
    if isinstance(given, bool) or not isinstance(given, int if kind is int else (int, float)):
        raise InvalidArgument(f"{shown(given)} is not a {wanted}: give one{_without_quotes(given)}")
    try:
        number = kind(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or abs(number) > 2**63 - 1:
        raise InvalidArgument(f"{shown(given)} is out of range: give a finite number below 2**63")
    if least is not None and number < least:
        raise InvalidArgument(f"{shown(given)} is too small: give {least:g} or more")
    return number


def _without_quotes(given: object) -> str:
    return ", without quotes" if isinstance(given, str) else ""


def _choice(choices: tuple[str, ...], given: object) -> str:
    text = _text(given)
    if text not in choices:
        near = KnownNames(choices).nearest(text)
        meant = f"did you mean {shown(near)}?" if near else f"give {' or '.join(map(shown, choices))}"
        raise InvalidArgument(f"{shown(text)} is not one of the values: {meant}")
    return text


def _worded(form: str, given: object) -> str:
    """Returns the text of an option that takes a text. form: how the help shows its value."""
    parse = _TEXTS.get(form)
    if parse is not None and isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    text = _text(given)
    if parse is not None:
        parse(text)
    return text


def _reload_root(given: object, folder: Path) -> str | None:
    if isinstance(given, bool):
        return "/" if given else None
    if not isinstance(given, str):
        raise InvalidArgument(
            f"{shown(given)} is not a folder: give the folder below which clients may choose models, or true for any"
        )
    return str(path_in(folder, given))
