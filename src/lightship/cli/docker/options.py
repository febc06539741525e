"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[str, typer.Option(envvar="LIGHTSHIP_CONTAINER", help="The container, by its exact name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

DEFAULT_NAME = "lightship"
