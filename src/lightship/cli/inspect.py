"""`lightship inspect`: what a version folder holds, and whether its engine gives the trained model's answers."""

from __future__ import annotations

from typing import Annotated

import typer

from lightship.cli.version_folder import find_version


def inspect(
    folder: Annotated[str, typer.Argument(help="A model's folder, models/dog (its newest version), or models/dog/1.")],
    check: Annotated[bool, typer.Option(help="Run the golden sample through the engine.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show signatures, labels, image spec, engine, golden check and files. The exit code is 1 if the check fails."""
    found = find_version(folder)
    from lightship.cli.report import report_on

    report = report_on(found, check=check)
    if json:
        import orjson

        print(orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        print(report.to_text())
    if report.golden_failure:
        raise typer.Exit(1)
