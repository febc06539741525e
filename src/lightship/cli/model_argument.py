"""Parses a model argument of a command that serves: a model's folder, or name=path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightship.cli.advice import Wanted
    from lightship.lifecycle import ModelConfig


def model_argument(text: str, wanted: Wanted) -> ModelConfig:
    """Returns the model that is named. Raises InvalidArgument for what can never be a model's folder.

    A folder without a version is accepted, because one may come later, but a folder of models is not.
    """
    from lightship.cli.advice import check_argument
    from lightship.errors import InvalidArgument
    from lightship.saved_model.versions import explain_folder_of_models
    from lightship.server import parse_model_argument

    name, equals, rest = text.partition("=")
    path = rest if equals and "/" not in name else text
    if path and not os.path.isdir(path):
        check_argument(path, wanted)
    model = parse_model_argument(text)
    explanation = explain_folder_of_models(model.path, f"{wanted.command} ")
    if explanation is not None:
        raise InvalidArgument(explanation)
    return model
