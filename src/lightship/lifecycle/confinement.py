"""Confines models that a client chose to a root folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lightship.errors import InvalidArgument, PermissionDenied
from lightship.lifecycle.model_config import ModelConfig


def check_confined(model: ModelConfig, versions: Iterable[Path] = ()) -> None:
    """Checks that the model's folder and these version folders are below its root, which they are without a root.

    Links are followed, also those of the root itself and those to what does not exist. A link may change later, so this
    is checked each time the folder is read. Raises PermissionDenied for a folder outside the root, and InvalidArgument
    for text that cannot be a path. The errors do not say where a link points to.
    """
    if model.root is None:
        return
    if model.store is not None:
        raise PermissionDenied(
            f"model {model.name}: {model.store} is not below {model.root}, the only folder from which a reload may "
            "serve models: start the server without a folder for reloads, so that they may serve models from anywhere"
        )
    for path in (model.path, *versions):
        if not is_below(path, model.root):
            raise PermissionDenied(
                f"model {model.name}: {path} is not below {model.root}, the only folder from which a reload may serve "
                "models: move the model there, or start the server with another root for reloads"
            )


def is_below(path: Path, root: Path) -> bool:
    """Returns whether a path is the root or below it, with all links followed. Neither needs to exist.

    Raises InvalidArgument for text that cannot be a path.
    """
    return _real(path).is_relative_to(_real(root))


def _real(path: Path) -> Path:
    try:
        real = os.path.realpath(path)
    except ValueError as error:  # a null character
        raise InvalidArgument(f"{str(path)!r} is not a path: {error}") from None
    return Path("/" + real.lstrip("/")) if real.startswith("//") else Path(real)  # POSIX keeps two leading slashes
