"""Which models there should be: name, folder, which versions of it, and their labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightship.errors import InvalidArgument, Unimplemented

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_FILE = "file://"


@dataclass(frozen=True, slots=True)
class Latest:
    """The versions with the highest numbers; at least one."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class All:
    """Every version that is there."""


@dataclass(frozen=True, slots=True)
class Specific:
    """These versions, as far as they are there."""

    versions: tuple[int, ...]

    def __init__(self, versions: Iterable[int]) -> None:
        object.__setattr__(self, "versions", tuple(dict.fromkeys(versions)))


VersionPolicy = Latest | All | Specific


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """path: the folder that holds the versions. labels: a name for a version, such as "stable" for 42."""

    name: str
    path: Path
    policy: VersionPolicy = Latest()
    labels: Mapping[str, int] = field(default_factory=dict)


def local_path(base_path: str) -> Path:
    """The folder that a base path names; file:///models/dog is /models/dog, and %20 in it no blank, as in TensorFlow.

    Raises InvalidArgument for a file:// that is not followed by an absolute path.
    """
    if not base_path.startswith(_FILE):
        return Path(base_path)
    path = base_path.removeprefix(_FILE)
    if not path.startswith("/"):
        raise InvalidArgument(
            f"{base_path} names another machine, {path.partition('/')[0]!r}: write file:///{path} for a local folder"
        )
    return Path(path)


def check_model_list(models: Iterable[tuple[str, str]]) -> None:
    """Checks names and base paths as they were written. Raises InvalidArgument with TensorFlow Serving's texts,
    Unimplemented for a path on an object store."""
    listed = list(models)
    names: set[str] = set()
    for name, _ in listed:
        if name in names:
            raise InvalidArgument(f"Illegal to list model {name} multiple times in config list")
        names.add(name)
    for name, path in listed:
        if path.startswith(_FILE):
            path = str(local_path(path))
        if _URI.match(path):
            raise Unimplemented(
                f"model {name}: {path} can be read by a later release of Lightship; give a local folder"
            )
        if not path.startswith("/"):
            raise InvalidArgument(f"Expected model {name} to have an absolute path or URI; got base_path()={path}")
