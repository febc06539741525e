"""Imports TensorFlow with a server's settings, and without Keras.

TensorFlow imports Keras when it is imported itself, and Keras imports pandas and scikit-learn where they are installed.
A SavedModel runs without all of them: that saves a third of the time and 110 MB. What asks for Keras later imports it
then.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from lightship.errors import FailedPrecondition
from lightship.memory import without_collections

_KERAS = "keras"


def tensorflow_installed() -> bool:
    return find_spec("tensorflow") is not None


def import_tensorflow(*, set_aside: bool = False) -> Any:
    """Imports and returns TensorFlow.

    set_aside: as in `without_collections`, if it was not imported before.

    Raises FailedPrecondition if it cannot be imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN's convolution ends the process if an array has the wrong rank; TensorFlow's own raises an error.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        if "tensorflow" not in sys.modules:
            with without_collections(set_aside=set_aside), _without_keras():
                import tensorflow
        else:
            import tensorflow
    except ImportError as error:
        raise FailedPrecondition(
            f"TensorFlow is installed but cannot be imported: {error}; install it again"
        ) from error
    return tensorflow


@contextmanager
def _without_keras() -> Iterator[None]:
    """Lets this thread not import Keras in the block. Keras can still be found, as TensorFlow does to import it later.

    It would import Keras to register the classes of Keras 2 (tf_keras), which is not affected.
    """
    finder = _KerasFinder(threading.get_ident())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _KerasFinder(MetaPathFinder):
    def __init__(self, thread: int) -> None:
        self._thread = thread

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _KERAS or threading.get_ident() != self._thread:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            spec.loader = _NotNow()
        return spec


class _NotNow(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ImportError(f"{spec.name} is not imported together with TensorFlow", name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Never called."""
