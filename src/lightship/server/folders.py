"""Model folders before the server starts: what can never work ends it, what may still come is waited for."""

from __future__ import annotations

import os

from lightship.errors import FailedPrecondition, NotFound, PermissionDenied
from lightship.lifecycle.model_config import ModelConfig
from lightship.saved_model.versions import explain_model_folder


def check_folder(model: ModelConfig, *, strict: bool) -> None:
    """Raises NotFound for a folder that is not there, PermissionDenied for one that cannot be read.

    One without a version is waited for, and explained by whoever looks into it; with `strict` that raises
    FailedPrecondition.
    """
    if not model.path.exists():
        raise NotFound(
            f"{model.path} does not exist; give the folder that holds the versions of the model {model.name}"
        )
    if not model.path.is_dir():
        raise NotFound(f"{model.path} is a file; give the folder that holds the versions of the model {model.name}")
    if not os.access(model.path, os.R_OK | os.X_OK):
        raise PermissionDenied(f"{model.path} cannot be read by this user; change its permissions (chmod -R a+rX)")
    explanation = explain_model_folder(model.path) if strict else None
    if explanation is not None:
        raise FailedPrecondition(explanation)
