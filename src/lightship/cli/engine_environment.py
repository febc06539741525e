"""Reads engine options from the environment, because `lightship-model-server` has only TensorFlow Serving's flags."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lightship.cli.sizes import parse_bytes
from lightship.engines import EngineOptions
from lightship.errors import InvalidArgument


def engine_options_from_environment(options: EngineOptions) -> EngineOptions:
    """Returns the options with the values of LIGHTSHIP_ENGINE, LIGHTSHIP_TRUST, LIGHTSHIP_ALLOW_UNPROVEN,
    LIGHTSHIP_TRIAL_SECONDS, LIGHTSHIP_TRIAL_MEMORY and LIGHTSHIP_CACHE_DIR. Several operations are separated by spaces.

    If a variable is not set, its field is reset to the default. Raises InvalidArgument for bad values.
    """
    get = os.environ.get
    memory, folder = get("LIGHTSHIP_TRIAL_MEMORY"), get("LIGHTSHIP_CACHE_DIR")
    return replace(
        options,
        engine=get("LIGHTSHIP_ENGINE") or "auto",
        allow_unproven=frozenset(get("LIGHTSHIP_ALLOW_UNPROVEN", "").split()),
        trust=get("LIGHTSHIP_TRUST", "").lower() in ("1", "true", "yes", "on"),
        trial_seconds=_seconds(get("LIGHTSHIP_TRIAL_SECONDS", "120")),
        trial_memory=parse_bytes(memory, "LIGHTSHIP_TRIAL_MEMORY") if memory else 0,
        cache_dir=Path(folder) if folder else None,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise InvalidArgument(f"LIGHTSHIP_TRIAL_SECONDS is {text!r}: give a number of seconds above 0")
    return seconds
