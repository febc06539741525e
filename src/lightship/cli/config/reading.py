"""Reads a configuration file of `lightship serve`, a TOML file, and finds everything that is wrong in it.

Its keys are the names of the command's options, with underscores, and `[models.NAME]` for each model. They follow from
how the command declares its options, so an option of the command is one of the file too.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightship.cli.config.faults import Fault, Place, WrongConfig
from lightship.cli.config.model_tables import ModelTables
from lightship.cli.config.toml_places import Places, toml_places
from lightship.cli.config.values import option_value
from lightship.cli.options import Parameter, parameters_of
from lightship.cli.serve import serve_options
from lightship.errors import LightshipError
from lightship.files import read_regular
from lightship.lifecycle.model_config import ModelConfig
from lightship.services.nearest_name import KnownNames

MAX_BYTES = 1 << 20
MODELS = "models"
# The parameters of the command that are not keys: a file does not name itself, and its models are tables.
_NOT_KEYS = ("config", MODELS)
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TOML_START = re.compile(r"\[|[\w.\"'-]+\s*=")


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """What a configuration file says."""

    path: Path
    # The arguments of `lightship serve` that it gives, by their names.
    options: Mapping[str, Any]
    models: Sequence[ModelConfig]
    # Where its keys and values are.
    places: Places
    # The SHA-256 of the file.
    digest: str


def option_parameters() -> dict[str, Parameter]:
    """Returns the options of `lightship serve` that may be in a file, by their keys."""
    return {one.name: one for one in parameters_of(serve_options) or () if one.name not in _NOT_KEYS}


def read_serve_config(path: Path, served: Mapping[str, Path] | None = None) -> ServeConfig:
    """Reads a configuration file. Relative paths in it begin in the folder of the file.

    served: the folders of the models that are served already; these are not required to exist.

    Raises WrongConfig with all that is wrong in it, and the errors of `read_regular`, with at most 1 MiB.
    """
    data = read_regular(path, MAX_BYTES)
    parsed, places = _parsed(path, data)
    folder, options = path.absolute().parent, option_parameters()
    tables = ModelTables(places, folder, options, served)
    models = tables.read(parsed.pop(MODELS)) if MODELS in parsed else []
    faults, values = list(tables.faults), {}
    for key, given in parsed.items():
        if key not in options:
            faults.append(_unknown(key, given, options, places))
            continue
        try:
            values[key] = option_value(options[key], given, folder)
        except LightshipError as error:
            faults.append(Fault(places.of_value(key), f"{key}: {error.message}"))
    if faults:
        raise WrongConfig(path, faults)
    return ServeConfig(path, values, models, places, digest_of(data))


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _parsed(path: Path, data: bytes) -> tuple[dict[str, Any], Places]:
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise WrongConfig(path, [Fault(place, "a byte is not UTF-8: save the file as UTF-8")]) from None
    try:
        parsed = tomllib.loads(text)
        return parsed, toml_places(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongConfig(path, [_syntax_fault(str(error), text)]) from None
    except RecursionError:
        raise WrongConfig(path, [Fault(Place(1, 1), "lists or tables are nested too deeply")]) from None
    except ValueError as error:  # a whole number of thousands of digits
        raise WrongConfig(path, [Fault(Place(1, 1), str(error))]) from None


def _syntax_fault(message: str, text: str) -> Fault:
    found = _TOML_PLACE.search(message)
    reason = message[: found.start()] if found else message
    if found is None or found[1] is None:
        lines = text.rstrip("\n").split("\n")
        place = Place(len(lines), len(lines[-1]) + 1)
        reason += " at the end of the file"
    else:
        place = Place(int(found[1]), int(found[2]))
    advice = ": a text is written in quotes; numbers, true and false without" if reason == "Invalid value" else ""
    return Fault(place, f"not valid TOML: {reason[:1].lower()}{reason[1:]}{advice}")


def _unknown(key: str, given: object, options: Mapping[str, Parameter], places: Places) -> Fault:
    if isinstance(given, dict) and any(inner in options for inner in given):
        inner = next(one for one in given if one in options)
        message = f"there is no table [{key}]: write its options, such as {inner}, without it, above the first [table]"
        return Fault(places.of_key(key), message)
    near = KnownNames((*options, MODELS)).nearest(key) or ""
    meant = f"did you mean {near}?" if near else "lightship serve --help lists the options; write - as _"
    return Fault(places.of_key(key), f'unknown option "{key}": {meant}', near)


def looks_like_toml(data: bytes) -> bool:
    """Returns whether the first line with content of a file is a table or a key of TOML."""
    lines = (line.strip() for line in data.decode("utf-8-sig", "replace").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return bool(_TOML_START.match(first))
