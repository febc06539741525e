"""`lightship docker status`: shows the state of a container and of its model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from lightship.cli.docker.options import DEFAULT_NAME, AsJson, Name
from lightship.cli.output import print_json, print_text
from lightship.printable import printable

if TYPE_CHECKING:
    from lightship.docker import Status


def status(name: Name = DEFAULT_NAME, json: AsJson = False) -> None:
    """Show a container, its ports, and its model's versions. The exit code is 1 unless the model is loaded."""
    from lightship import docker

    found = docker.status(name)
    if json:
        print_json(asdict(found) | {"ready": found.ready})
    else:
        _print_text(found)
    if not found.ready:
        raise typer.Exit(1)


def _print_text(found: Status) -> None:
    print_text(f"{found.name} is {found.state} ({found.id[:12]}, {found.image})")
    for what, where in (("REST", found.url), ("gRPC", found.grpc)):
        print_text(f"{what}: {where or 'not published'}")
    for version in found.versions:
        reason = f" ({version.error_code}: {version.error_message})" if version.error_message else ""
        print_text(f"{found.model} version {version.version}: {version.state}{printable(reason)}")
    if found.state == "running" and not found.versions:
        print_text(f"{found.model}: the server does not answer yet")
