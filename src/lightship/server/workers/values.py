"""Turns options, models and errors into JSON values and back. It makes only data classes of this project."""

from __future__ import annotations

import base64
import importlib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from lightship.errors import Code, LightshipError, error_of
from lightship.lifecycle.served_models import ModelState
from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.transports.metrics.reading import MetricsReading
from lightship.transports.metrics.text import Family

_PROJECT = "lightship."


def encode(value: Any) -> Any:
    """Returns a JSON value for numbers, texts, bytes, paths, sequences, sets, mappings and the project's data classes.

    Raises TypeError for anything else.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, list | tuple):
        return [encode(one) for one in value]
    if isinstance(value, frozenset | set):
        return {"set": [encode(one) for one in value]}
    if isinstance(value, dict):
        return {"map": [[encode(key), encode(one)] for key, one in value.items()]}
    kind = type(value)
    if is_dataclass(kind) and kind.__module__.startswith(_PROJECT):
        members = {field.name: encode(getattr(value, field.name)) for field in fields(kind)}
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": members}
    raise TypeError(f"{value!r} cannot be sent to another process")


def decode(value: Any) -> Any:
    """Returns what `encode` encoded; sequences become tuples. Raises ValueError for what it cannot have encoded."""
    if isinstance(value, list):
        return tuple(decode(one) for one in value)
    if not isinstance(value, dict):
        return value
    match value:
        case {"bytes": str(text)}:
            return base64.b64decode(text)
        case {"path": str(text)}:
            return Path(text)
        case {"set": list(members)}:
            return frozenset(decode(one) for one in members)
        case {"map": list(pairs)}:
            return {decode(key): decode(one) for key, one in pairs}
        case {"class": str(name), "fields": dict(members)}:
            return _class(name)(**{field: decode(one) for field, one in members.items()})
    raise ValueError(f"not an encoded value: {str(value)[:80]}")


def _class(name: str) -> Any:
    module, _, kind = name.partition(":")
    found = getattr(importlib.import_module(module), kind, None) if module.startswith(_PROJECT) else None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{name} is not a data class of this project")
    return found


def encode_error(error: LightshipError) -> list[Any]:
    return [int(error.code), error.message]


def decode_error(value: list[Any]) -> LightshipError:
    return error_of(Code(value[0]), str(value[1]))


def encode_reading(reading: MetricsReading) -> list[Any]:
    return [reading.families, reading.own, reading.process.decode()]


def decode_reading(value: list[Any]) -> MetricsReading:
    families, own, process = value
    return MetricsReading([Family(*one) for one in families], [Family(*one) for one in own], process.encode())


def encode_state(state: ModelState) -> list[Any]:
    versions = [
        [one.version, int(one.state), None if one.error is None else encode_error(one.error), one.note, one.aspired]
        for one in state.versions
    ]
    return [state.name, state.wanted, versions, state.reason, state.notice, dict(state.labels)]


def decode_state(value: list[Any]) -> ModelState:
    name, wanted, versions, reason, notice, labels = value
    statuses = tuple(
        ModelVersionStatus(version, State(state), None if error is None else decode_error(error), note, aspired)
        for version, state, error, note, aspired in versions
    )
    return ModelState(name, wanted, statuses, reason, notice, labels)
