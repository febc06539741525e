"""The configuration of a model: its name, its folder, which versions to serve, and their labels."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from lightship.errors import InvalidArgument
from lightship.store.urls import checked_url, is_url

_FILE = "file://"
_DRIVE = re.compile("/[A-Za-z]:")
_NO_FOLDER = Path(os.devnull)
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
    # The folder that contains the version folders. It has no meaning for a model in an object store.
    path: Path
    policy: VersionPolicy = Latest()
    # Versions by their labels, such as 42 by "stable".
    labels: Mapping[str, int] = field(default_factory=dict)
    # The folder below which `path` and its versions must be, with all links followed. None: anywhere.
    root: Path | None = None
    # The URL of a model in an object store, such as s3://bucket/models/dog. None: it is in `path`.
    store: str | None = None

    @classmethod
    def at(
        cls,
        name: str,
        base_path: str,
        policy: VersionPolicy = Latest(),
        labels: Mapping[str, int] | None = None,
    ) -> ModelConfig:
        """Returns the configuration of a model at a base path: a local folder, or a URL of a folder or an object store.

        Raises the errors of `local_path` and `lightship.store.checked_url`.
        """
        if is_url(base_path):
            return cls(name, _NO_FOLDER, policy, labels or {}, store=checked_url(base_path, name))
        return cls(name, local_path(base_path), policy, labels or {})

    @property
    def place(self) -> str:
        """The base path, for messages: the URL of the object store, or the folder."""
        return self.store or str(self.path)


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


def fits_in_url(name: str) -> bool:
    """Returns whether a model's name can be part of a request's URL. TensorFlow Serving also accepts other names."""
    return bool(name) and not is_dots(name) and not set(name) & set("/:")


def is_dots(name: str) -> bool:
    """Returns whether a name is `.` or `..`, which clients remove from the path of a URL."""
    return name in (".", "..")


def check_model_list(models: Iterable[tuple[str, str]]) -> None:
    """Checks the names and base paths of a list of models.

    Raises InvalidArgument, with TensorFlow Serving's messages, for a repeated name or a relative path, and the errors
    of `lightship.store.checked_url` for a URL that Lightship cannot read.
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
        if is_url(path):
            checked_url(path, name)
            continue
        if not is_absolute(path):
            raise InvalidArgument(f"Expected model {name} to have an absolute path or URI; got base_path()={path}")
