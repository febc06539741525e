"""How containers and images look in an interpreter and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lightship.printable import printable

if TYPE_CHECKING:
    from lightship.docker.baking import BakedImage
    from lightship.docker.build_plan import BuildPlan
    from lightship.docker.handle import Container, Status

Shown = Mapping[str, object]

_ID = 12  # characters of an id that are shown, as `docker ps` does


def text(kind: str, name: str, shown: Shown) -> str:
    """Returns the text for an interpreter, in one line."""
    return printable(f"{kind}({name!r}, {', '.join(f'{key}: {value}' for key, value in shown.items())})")


def html(kind: str, name: str, shown: Shown) -> str:
    """Returns the table for a notebook."""
    from lightship import notebook

    web = ((key, notebook.link(value) if isinstance(value, str) else value) for key, value in shown.items())
    return notebook.table(f"{kind} {name}", web)


def of_container(one: Container) -> Shown:
    return {"model": one.model, "url": one.url, "grpc": one.grpc or "none", "image": one.image, "id": _short(one.id)}


def of_status(one: Status) -> Shown:
    """The settings are left out: the environment in them may hold secrets."""
    versions = ", ".join(f"{version.version} {version.state}" for version in one.versions)
    return {
        "state": one.state,
        "model": one.model,
        "versions": versions or "none",
        "url": one.url or "none",
        "grpc": one.grpc or "none",
        "image": one.image,
        "id": _short(one.id),
    }


def of_image(one: BakedImage) -> Shown:
    return {
        "model": one.model,
        "versions": _listed(one.versions),
        "base": one.base,
        "size": _megabytes(one.size),
        "id": _short(one.id),
    }


def of_plan(one: BuildPlan) -> Shown:
    return {"base": one.base, "files": len(one.entries), "size": _megabytes(one.size)}


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values)) or "none"


def _short(id: str) -> str:
    return id.removeprefix("sha256:")[:_ID]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
