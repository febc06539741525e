"""Converts settings to the arguments of the package `docker`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightship.docker.images import is_ours
from lightship.docker.settings import Settings

if TYPE_CHECKING:
    from docker.models.images import Image

# Our server needs none of this; another image may.
CONFINED: dict[str, Any] = {
    "read_only": True,
    "tmpfs": {"/tmp": "rw,noexec,nosuid,size=1g"},
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}


def container_options(settings: Settings, image: Image) -> dict[str, Any]:
    """Arguments of `containers.create`. Our own image gets no capabilities and a read-only file system."""
    from docker.types import Mount

    ports: dict[str, list[Any]] = {}
    for port in settings.ports:
        ports.setdefault(f"{port.inside}/tcp", []).append(port.binding)
    options: dict[str, Any] = {
        "image": settings.image,
        "name": settings.name,
        "command": list(settings.arguments) or None,
        "detach": True,
        "environment": dict(settings.environment),
        "labels": settings.labels(str(image.id)),
        "mounts": [Mount(settings.target, settings.source, type="bind", read_only=True)],
        "ports": ports,
        "restart_policy": {"Name": settings.restart},
    }
    if settings.memory:
        options["mem_limit"] = settings.memory
    if settings.cpus:
        options["nano_cpus"] = round(settings.cpus * 1e9)
    return options | (CONFINED if is_ours(image) else {})
