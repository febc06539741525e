"""`lightship inspect`: shows the content of a version folder and runs its golden check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lightship.cli.output import print_json, print_text
from lightship.cli.version_folder import find_version

Precision = Literal["f32", "bf16", "fp16", "int8", "auto"]


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
    precision: Annotated[
        Precision, typer.Option(help="Check the version in this precision, as `lightship serve --precision` does.")
    ] = "f32",
    verify_with: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="With --precision: compare answers for the photos in this folder, too."),
    ] = None,
    max_difference: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="With --precision: the largest difference from f32, as a share of the output's largest number; by "
            "default 0.05 for bf16, 0.02 for fp16 and 0.5 for int8.",
        ),
    ] = None,
    min_agreement: Annotated[
        float, typer.Option(min=0, help="With --precision: the least share of answers whose best class is that of f32.")
    ] = 0.98,
    engine: Annotated[
        str, typer.Option(help="The engine to run the signatures on, as for `lightship serve --engine`.")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a version's signatures, labels, image spec, engines, golden check and files.

    The exit code is 1 if the golden check fails, or the check of a precision.
    """
    found = find_version(folder)
    from lightship.cli.option_words import worded_as_options
    from lightship.cli.report import report_on
    from lightship.engines import EngineOptions

    options = EngineOptions(
        engine=engine,
        precision=precision,
        verify_with=verify_with,
        max_difference=max_difference,
        min_agreement=min_agreement,
    )
    with worded_as_options():
        report = report_on(found, check=check, options=options)
    if json:
        print_json(report.to_json(), indented=True)
    else:
        print_text(report.to_text())
    if report.golden_failure:
        raise typer.Exit(1)
