"""The configuration of a model: its name, its folder, which versions to serve, and their labels."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from lightship.errors import InvalidArgument, Unimplemented

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_FILE = "file://"
_DRIVE = re.compile("/[A-Za-z]:")
_WINDOWS = sys.platform == "win32"


@dataclass(frozen=True, slots=True)
class Latest:
    """Serves the `count` versions with the highest numbers, at least one."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class All:
    """Serves every version in the folder."""


@dataclass(frozen=True, slots=True)
class Specific:
    """Serves these versions, if they are in the folder."""

    versions: tuple[int, ...]

    def __init__(self, versions: Iterable[int]) -> None:
        object.__setattr__(self, "versions", tuple(dict.fromkeys(versions)))


VersionPolicy = Latest | All | Specific


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model to serve."""

    name: str
    # The folder that contains the version folders.
    path: Path
    policy: VersionPolicy = Latest()
    # Versions by their labels, such as 42 by "stable".
    labels: Mapping[str, int] = field(default_factory=dict)
    # The folder below which `path` and its versions must be, with all links followed. None: anywhere.
    root: Path | None = None


def local_path(base_path: str) -> Path:
    """Returns the folder of a base path: file:///models/dog is /models/dog. Like TensorFlow, does not decode %20.

    On Windows, file:///C:/models is C:/models. Raises InvalidArgument if an absolute path does not follow file://.
    """
    if not base_path.startswith(_FILE):
        return Path(base_path)
    path = base_path.removeprefix(_FILE)
    if not path.startswith("/"):
        raise InvalidArgument(
            f"{base_path} names another machine, {path.partition('/')[0]!r}: write file:///{path} for a local folder"
        )
    return Path(path[1:] if _WINDOWS and _DRIVE.match(path) else path)


def is_absolute(path: str) -> bool:
    """Returns whether a base path begins with /, as TensorFlow Serving wants it, or on Windows with a drive."""
    return path.startswith("/") or (_WINDOWS and PureWindowsPath(path).is_absolute())


def check_model_list(models: Iterable[tuple[str, str]]) -> None:
    """Checks the names and base paths of a list of models.

    Raises InvalidArgument, with TensorFlow Serving's messages, for a repeated name or a relative path, and
    Unimplemented for a path on an object store.
    """
    listed = list(models)
    names: set[str] = set()
    for name, _ in listed:
        if name in names:
            raise InvalidArgument(f"Illegal to list model {name} multiple times in config list")
        names.add(name)
    for name, path in listed:
        if path.startswith(_FILE):
            path = str(local_path(path))
        if _URI.match(path) and not is_absolute(path):  # C:/models on Windows looks like a URI
            raise Unimplemented(
                f"model {name}: {path} is on an object store, which this release of Lightship cannot read: "
                "give a local folder"
            )
        if not is_absolute(path):
            raise InvalidArgument(f"Expected model {name} to have an absolute path or URI; got base_path()={path}")
