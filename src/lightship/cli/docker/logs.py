"""`lightship docker logs`: prints the log of a container."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lightship.cli.docker.options import DEFAULT_NAME, Name


def logs(
    name: Name = DEFAULT_NAME,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing until the container ends or Ctrl-C.")
    ] = False,
    tail: Annotated[int | None, typer.Option(min=0, metavar="N", help="Print only the last N lines.")] = None,
) -> None:
    """Print a container's log."""
    from lightship import docker

    for piece in docker.logs(name, follow=follow, tail=tail):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
