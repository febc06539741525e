"""Parses a model argument of a command that serves: a model's folder, or name=path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightship.cli.advice import Wanted
    from lightship.lifecycle import ModelConfig


def model_argument(text: str, wanted: Wanted) -> ModelConfig:
    """Returns the model that is named.

    Raises InvalidArgument for what can never be a model's folder, and NotFound for a folder that does not exist if a
    model nearby was probably meant.

    A folder without a version is accepted, because one may come later, but a folder of models is not.
    """
    from lightship.cli.advice import check_argument
    from lightship.errors import InvalidArgument, NotFound
    from lightship.saved_model.versions import explain_folder_of_models, explain_missing_folder, version_number
    from lightship.server import parse_model_argument

    name, equals, rest = text.partition("=")
    path = rest if equals and "/" not in name else text
    if path and not os.path.isdir(path):
        check_argument(path, wanted)
    model = parse_model_argument(text)
    if model.store is not None:
        return model
    missing = explain_missing_folder(model.path)
    if missing is not None:
        needed = f"; {wanted.command} needs the model's folder" if version_number(model.path.name) is not None else ""
        raise NotFound(f"{missing}{needed}")
    explanation = explain_folder_of_models(model.path, f"{wanted.command} ")
    if explanation is not None:
        raise InvalidArgument(explanation)
    return model
