"""The reference of the environment variables, made from the options that they set and from the code that reads them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from docs_site.tables import code, table
from lightship.cli import engine_environment
from lightship.cli.app import app
from lightship.lifecycle import settling

_OURS = re.compile(r"\bLIGHTSHIP_[A-Z_]+\b")

# The variables that set no option of `lightship`.
OTHERS: dict[str, str] = {
    "LIGHTSHIP_DEBUG": "1 shows the traceback when a command fails, as `lightship --debug` does.",
    "LIGHTSHIP_SIGN_PASSWORD": "The password of an encrypted key, for `lightship sign` where it cannot ask for it.",
    "MODEL_NAME": "In the container image: the name of the model, by default `model`.",
    "MODEL_BASE_PATH": "In the container image: the folder that contains the model's folder, by default `/models`.",
    "XDG_CACHE_HOME": "The user's cache folder. Compiled models are in its folder `lightship`, unless "
    "`LIGHTSHIP_CACHE_DIR` names another; copies from object stores are in `lightship/store`.",
    "DOCKER_HOST": "The Docker Engine of `lightship docker`, such as `unix:///var/run/docker.sock`.",
    "SOURCE_DATE_EPOCH": "For `lightship docker build`: the time of all files in the image, in seconds since 1970.",
    "KERAS_BACKEND": "For `lightship export`: Keras must use `tensorflow`, which is its default.",
    "NO_COLOR": "If it is set, commands print without colours.",
}


def options_table() -> str:
    """Returns a table of the variables that set options."""
    also = set(_OURS.findall("".join(map(inspect.getsource, (engine_environment, settling)))))
    rows = (
        [code(name), ", ".join(sorted(code(option) for option in options)), "yes" if name in also else ""]
        for name, options in sorted(option_variables().items())
    )
    return table(["variable", "sets", "also read by `lightship-model-server`"], rows)


def others_table() -> str:
    """Returns a table of the other variables."""
    return table(["variable", "meaning"], ([code(name), text] for name, text in OTHERS.items()))


def option_variables() -> dict[str, set[str]]:
    """Returns the options that each variable sets, with their commands."""
    found: dict[str, set[str]] = {}
    for path, parameter in _parameters(typer.main.get_command(app), "lightship"):
        if parameter.envvar:
            name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar
            found.setdefault(parameter.envvar, set()).add(f"{path} {name}")
    return found


def _parameters(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for parameter in command.params:
        yield path, parameter
    for name, one in getattr(command, "commands", {}).items():
        yield from _parameters(one, f"{path} {name}")
