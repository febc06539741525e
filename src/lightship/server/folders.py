"""Checks model folders before the server starts.

A folder that can never work is an error. A folder that has no version yet is accepted, because one may be added later.
"""

from __future__ import annotations

import os

from lightship.errors import FailedPrecondition, NotFound, PermissionDenied
from lightship.lifecycle.model_config import ModelConfig
from lightship.saved_model.versions import explain_model_folder
from lightship.store.systems.base import check_store

_MAX_SHOWN = 300  # characters of a path that cannot be one


def check_folder(model: ModelConfig, *, strict: bool) -> None:
    """Raises NotFound if the folder does not exist or has an impossible name, PermissionDenied if it cannot be read.

    A folder without a version is accepted unless `strict` is set; then this raises FailedPrecondition. So it does for a
    model in an object store if the package that reads it is missing; the store itself is not looked at.
    """
    if model.store is not None:
        check_store(model.store)
        return
    if not _exists(model):
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


def _exists(model: ModelConfig) -> bool:
    try:
        return model.path.exists()
    except OSError as error:  # its name is too long, or the disk does not answer
        shown = str(model.path) if len(str(model.path)) <= _MAX_SHOWN else f"{str(model.path)[:_MAX_SHOWN]}..."
        raise NotFound(f"{shown} cannot be the folder of the model {model.name}: {error.strerror}") from None
