"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[str, typer.Option(envvar="LIGHTSHIP_CONTAINER", help="The exact name of the container.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

DEFAULT_NAME = "lightship"
