"""Imports TensorFlow and Keras for an export, and keeps their messages from the user meanwhile."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightship.errors import FailedPrecondition
from lightship.extras import require, required
from lightship.memory import without_collections
from lightship.packaging.progress import Progress
from lightship.packaging.quiet import TENSORFLOW_LOGGERS, quiet_loggers
from lightship.packaging.tensorflow_log import without_tensorflow_log

_EXPORT = "exporting a model"


@contextmanager
def quiet_tensorflow(progress: Progress, purpose: str = _EXPORT) -> Iterator[None]:
    """Imports TensorFlow and Keras, and leaves out their log while the block runs.

    purpose: what needs them, with which an error begins if they are not installed.

    Afterwards all loggers, levels and streams are as before. Raises FailedPrecondition, with what to install, if one of
    them is not installed or cannot be imported.
    """
    require(purpose, "tensorflow", "keras")
    with without_tensorflow_log(progress.show_output):
        _import_tensorflow(progress, purpose)
        with quiet_loggers(*TENSORFLOW_LOGGERS):
            yield


def _import_tensorflow(progress: Progress, purpose: str) -> None:
    if not {"tensorflow", "keras"} <= sys.modules.keys():
        progress.step("importing TensorFlow")
    try:
        with required(purpose), warnings.catch_warnings(), without_collections():
            warnings.simplefilter("ignore")
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
    except ImportError as error:
        raise FailedPrecondition(
            f"TensorFlow or Keras is installed but cannot be imported: {error}; install both again"
        ) from error
