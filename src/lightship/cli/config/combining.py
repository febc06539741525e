"""Combines a configuration file with the command line and the environment, which win over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightship.cli.config.faults import Fault, Place, WrongConfig
from lightship.cli.config.reading import MODELS, ServeConfig, option_parameters
from lightship.cli.options import WrongArguments
from lightship.cli.serve import Serving, serve_options
from lightship.errors import InvalidArgument, LightshipError

_READ_ONCE = ("the command line", "the environment variables")


def combined(given: Mapping[str, Any], config: ServeConfig | None) -> Serving:
    """Returns what to run. `given` holds the arguments of the command line and the environment, by their names.

    The models of the file are served if no others are given. Raises the errors of `serve_options`, InvalidArgument if
    neither names a model, and WrongArguments if there is no file either.
    """
    if not given.get(MODELS) and not (config and config.models):
        if config is None:
            raise WrongArguments(
                "Missing argument MODEL...: models' folders, such as models/dog, or --config with a file of models"
            )
        raise InvalidArgument(
            f'{config.path} names no model: add [models.NAME], and below it path = "models/dog", or give MODEL'
        )
    if config is None:
        return serve_options(**given)
    serving = serve_options(**{**config.options, **given})
    options = replace(serving.options, read_once=_READ_ONCE)
    return serving._replace(options=options if given.get(MODELS) else replace(options, models=config.models))


def check_options(config: ServeConfig) -> None:
    """Checks whether the options of a file fit each other. Raises WrongConfig if they do not."""
    with _placed(config):
        serve_options(**config.options)


@contextmanager
def _placed(config: ServeConfig) -> Iterator[None]:
    """Gives the errors about options that the block raises the place of the option that they are about."""
    try:
        yield
    except (LightshipError, WrongArguments) as error:
        message = error.message if isinstance(error, LightshipError) else str(error)
        parameter = getattr(error, "parameter", "")
        told = f"{parameter}: {message}" if parameter else message
        raise WrongConfig(config.path, [Fault(_place(config, parameter, message), _in_keys(told))]) from None


def _place(config: ServeConfig, parameter: str, message: str) -> Place:
    if parameter in config.options:
        return config.places.of_value(parameter)
    named = [key for key in config.options if _option(key) in message or key in message.split()]
    valued = [key for key, value in config.options.items() if isinstance(value, Path) and str(value) in message]
    found = next(iter([*sorted(valued, key=len), *sorted(named, key=len, reverse=True)]), None)
    return Place(1, 1) if found is None else config.places.of_key(found)


def _in_keys(message: str) -> str:
    """Returns a message about options with their keys in the file: rest_port for --rest-port."""
    for key in sorted(option_parameters(), key=len, reverse=True):
        message = message.replace(_option(key), key)
    return message


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"
