"""Hides packages from every Python that has this folder in PYTHONPATH, as if they were not installed.

They are TensorFlow and Keras, or those in HIDDEN_PACKAGES. `make test-fast` runs so: a test that needs TensorFlow and
does not say so fails there.
"""

import importlib.util
import os
import sys

_HIDDEN = tuple(os.environ.get("HIDDEN_PACKAGES", "tensorflow keras").split())
_found = importlib.util.find_spec


class _Hiding:
    """Stands before every other finder."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] in _HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, _Hiding())  # type: ignore[arg-type]
importlib.util.find_spec = lambda name, *more: None if name.split(".")[0] in _HIDDEN else _found(name, *more)
