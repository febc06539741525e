"""Finds a backend by its name: ours, or one that an installed package names as an entry point."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from lightship.engines.backend import Backend
from lightship.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

GROUP = "lightship.engines"
# The engines that are not backends.
BUILT_IN = ("auto", "openvino", "tensorflow")

# Our own backends, imported when one is asked for.
_OWN: Mapping[str, str] = {
    "litert": "lightship.engines.litert:LiteRT",
    "onnxruntime": "lightship.engines.onnxruntime:OnnxRuntime",
}
# The packages that they use.
_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "litert": ("ai-edge-litert",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
}


def engine_names() -> list[str]:
    """Returns the names that `--engine` takes: the built-in ones first, then those of installed packages."""
    own = [*BUILT_IN, *_OWN]
    return [*own, *sorted({point.name for point in _entry_points()} - set(own))]


def check_engine(name: str) -> str:
    """Returns the name. Raises InvalidArgument if there is no such engine."""
    if name in BUILT_IN or name in _OWN:
        return name
    names = engine_names()
    if name in names:
        return name
    from difflib import get_close_matches

    close = get_close_matches(name, names, 1)
    hint = f'; did you mean "{close[0]}"?' if close else "."
    raise InvalidArgument(
        f'there is no engine "{name}"; there are {", ".join(names)}{hint} '
        f'Packages may add engines by entry points of the group "{GROUP}"'
    )


def load_backend(name: str) -> Backend:
    """Imports a backend.

    Raises InvalidArgument if there is none of this name, and FailedPrecondition if its package cannot be imported.
    """
    check_engine(name)
    if name in _OWN:
        module, _, attribute = _OWN[name].partition(":")
        return cast(Backend, getattr(import_module(module), attribute)())
    point = _entry_point(name)
    try:
        found = point.load()
        backend = found() if isinstance(found, type) else found
    except Exception as error:  # a package of others: whatever is wrong in it, this engine cannot be used
        raise FailedPrecondition(
            f'the engine "{name}" cannot be imported from {_package(point)}: {type(error).__name__}: {error}'
        ) from error
    if not callable(getattr(backend, "open", None)):
        raise FailedPrecondition(
            f'the engine "{name}" of {_package(point)} is not a backend: {point.value} has no method "open"'
        )
    return cast(Backend, backend)


@cache
def backend_version(name: str) -> str:
    """Returns what tells one version of a backend from another, for keys of the cache."""
    if name in _OWN:
        return " ".join(map(_installed_version, _PACKAGES[name]))
    return "" if name in BUILT_IN else _package(_entry_point(name))


def _installed_version(package: str) -> str:
    """Returns the name and version of a package, or its name alone if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


def _entry_point(name: str) -> EntryPoint:
    """Returns the entry point of this name. Raises FailedPrecondition if two packages have one."""
    points = list({point.value: point for point in _entry_points() if point.name == name}.values())
    if len(points) > 1:
        packages = " and ".join(sorted(_package(point) for point in points))
        raise FailedPrecondition(f'the engine "{name}" is in two packages, {packages}: uninstall one of them')
    return points[0]


def _entry_points() -> EntryPoints:
    from importlib.metadata import entry_points  # most servers need no backend, and importing it takes time

    return entry_points(group=GROUP)


def _package(point: EntryPoint) -> str:
    return point.module if point.dist is None else f"{point.dist.name} {point.dist.version}"
