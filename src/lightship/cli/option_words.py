"""Words the messages about `ServerOptions` for the command line: `--rest-port 1` instead of `rest_port=1`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from lightship.errors import AlreadyExists, InvalidArgument, PermissionDenied, error_of
from lightship.server import ServerOptions

# The options of `lightship serve` that have other names than the fields.
_OTHERS = {
    "reload_root": "--allow-reload",
    "timeout_seconds": "--timeout",
    "batching": "--enable-batching",
    "per_model_batching": "--per-model-batching-parameters",
    "join": "--no-join",
}
# The fields of `EngineOptions` that messages name.
_OF_ENGINES = ("precision", "verify_with", "max_difference", "min_agreement")
_NAMES = (*(one.name for one in fields(ServerOptions)), *_OF_ENGINES)
_OPTIONS = {name: _OTHERS.get(name, f"--{name.replace('_', '-')}") for name in _NAMES}
# A field with its value, and the name of a field that is not also an ordinary word.
_UNDERSCORED = [name for name in _OPTIONS if "_" in name]
_field = re.compile(rf"(?<![\w\"'=/-])(?:({'|'.join(_OPTIONS)})=|({'|'.join(_UNDERSCORED)})\b)")


@contextmanager
def worded_as_options() -> Iterator[None]:
    """Raises errors about options that the block raises with messages that name the options of `lightship serve`."""
    try:
        yield
    except (AlreadyExists, InvalidArgument, PermissionDenied) as error:
        raise error_of(error.code, in_options(error.message)) from error


def in_options(message: str) -> str:
    """Returns a message about the fields of `ServerOptions` with the options of the command line."""
    return _field.sub(lambda found: f"{_OPTIONS[found[1]]} " if found[1] else _OPTIONS[found[2]], message)
