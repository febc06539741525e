"""The option of commands that show the steps of a long task."""

from __future__ import annotations

from typing import Annotated

import typer

StepProgress = Annotated[
    bool | None,
    typer.Option(
        "--progress/--no-progress",
        help="Show the steps and their seconds on standard error; by default if it is a terminal.",
        show_default=False,
    ),
]
