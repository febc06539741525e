"""`lightship docker stop`: stops a container after its running requests, and removes it."""

from __future__ import annotations

from typing import Annotated

import typer

from lightship.cli.docker.options import DEFAULT_NAME, AsJson, Name
from lightship.cli.output import print_json, print_text


def stop(
    name: Name = DEFAULT_NAME,
    timeout: Annotated[int, typer.Option(min=0, help="Seconds that running requests may take.")] = 30,
    json: AsJson = False,
) -> None:
    """Stop a container that Lightship started, and remove it. Does nothing if there is no such container."""
    from lightship import docker

    stopped = docker.stop(name, timeout=timeout)
    if json:
        print_json({"name": name, "stopped": stopped})
    else:
        print_text(f"{name} is stopped and removed" if stopped else f"there is no container {name}: nothing to stop")
