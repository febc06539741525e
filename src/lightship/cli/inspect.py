"""`lightship inspect`: shows the content of a version folder and runs its golden check."""

from __future__ import annotations

from typing import Annotated

import typer

from lightship.cli.output import print_json, print_text
from lightship.cli.version_folder import find_version


def inspect(
    folder: Annotated[
        str,
        typer.Argument(
            help="A model's folder, such as models/dog, for its newest version, or a version folder, models/dog/1."
        ),
    ],
    check: Annotated[
        bool, typer.Option(help="Run the golden check: compare the engine's answers with the trained model's.")
    ] = True,
    engine: Annotated[
        str, typer.Option(help="The engine that runs the signatures, as that of `lightship serve`.")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a version's signatures, labels, image spec, engines, golden check and files.

    The exit code is 1 if the golden check fails.
    """
    found = find_version(folder)
    from lightship.cli.report import report_on
    from lightship.engines import EngineOptions

    report = report_on(found, check=check, options=EngineOptions(engine=engine))
    if json:
        print_json(report.to_json(), indented=True)
    else:
        print_text(report.to_text())
    if report.golden_failure:
        raise typer.Exit(1)
