"""The interface of an engine beside OpenVINO and TensorFlow. Packages may add engines of their own.

A package names its backend in its pyproject.toml, in the entry-point group `lightship.engines`:

    [project.entry-points."lightship.engines"]
    mine = "my_package.engine:Mine"

`lightship serve --engine mine` then asks it first. A signature that it refuses with `CannotRun` runs as with
`--engine auto`. Before the server runs a signature on it, a helper process does: it opens the version, runs the
signature, and compares the answers with TensorFlow's where TensorFlow is installed. A golden sample is checked as for
every engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from lightship.engines.base import Arrays, CannotRun, EngineOptions, Program, Refused
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import Signature, TensorSpec

__all__ = [
    "Arrays",
    "Backend",
    "CannotRun",
    "EngineOptions",
    "Program",
    "Refused",
    "Runtime",
    "SavedModel",
    "Signature",
    "TensorSpec",
]


class Runtime(Protocol):
    """A version folder that an engine has opened."""

    # How many runs it computes at once. Calls that wait for one of them are joined, where rows are independent.
    streams: int = 1

    def program(self, signature: Signature) -> Program:
        """Returns one signature, ready to run.

        Raises CannotRun, with the reason, if this engine cannot run the signature.
        """
        ...

    def close(self) -> None:
        """Releases memory and devices. All programs are closed, and none is running."""
        return None


class Backend(Protocol):
    """Opens version folders. An entry point names an object or a class of this kind; a class is called once."""

    def open(self, folder: Path, saved_model: SavedModel, options: EngineOptions) -> Runtime:
        """Opens a version folder.

        Raises CannotRun, with the reason, if the folder has nothing for this engine; LightshipError for files that
        cannot be read, or if what the options ask for is not there: the version fails to load then.
        """
        ...
