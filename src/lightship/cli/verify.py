"""`lightship verify`: whether a model's answers are those of TensorFlow, or of another server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightship.cli.version_folder import find_version

if TYPE_CHECKING:
    from lightship.engines.verification import Verdict


def verify(
    folder: Annotated[str, typer.Argument(help="A model's folder, models/dog (its newest version), or models/dog/1.")],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A server to compare with, http://host:8501/v1/models/dog or grpc://host:8500/dog; "
            "TensorFlow in this process by default.",
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(help="Inputs: an .npz file with an array for each, or an .npy file where there is one."),
    ] = None,
    signature: Annotated[str | None, typer.Option(help="Compare this signature alone.")] = None,
    rtol: Annotated[float, typer.Option(min=0, help="How far floats may be apart, relative to the answer.")] = 1e-3,
    atol: Annotated[float, typer.Option(min=0, help="How far floats may be apart besides.")] = 1e-4,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds that a server may take for a call.")] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the answers of the serving engine with TensorFlow's, or with those of a running server.

    The inputs are the golden sample, random rows, or --samples. The exit code is 1 if anything differs, 2 if nothing
    could be compared.
    """
    found = find_version(folder)
    from lightship.engines.verification import read_samples, verify_version

    given = read_samples(samples) if samples else None
    verdicts = verify_version(
        found.path, _reference(against, timeout), only=signature, samples=given, tolerance=(rtol, atol)
    )
    if json:
        _print_json(verdicts, against)
    else:
        _print_table(verdicts, against)
    if any(verdict.different for verdict in verdicts):
        raise typer.Exit(1)
    if not any(verdict.compared for verdict in verdicts):
        raise typer.Exit(2)


def _reference(against: str | None, timeout: float) -> object:
    """What answers as it should: None for TensorFlow in this process."""
    if against is None:
        return None
    from lightship.client import Client
    from lightship.client.address import parse_address
    from lightship.errors import InvalidArgument

    name = parse_address(against).model
    if not name:
        raise InvalidArgument(f"{against} names no model: give its URL, such as http://host:8501/v1/models/dog")
    client = Client(against, timeout=timeout)
    return lambda signature, inputs: dict(client.predict(name, inputs, signature=signature).outputs)


def _print_json(verdicts: tuple[Verdict, ...], against: str | None) -> None:
    from dataclasses import asdict

    import orjson

    fields = [asdict(verdict) | {"verdict": verdict.word} for verdict in verdicts]
    print(orjson.dumps({"against": against or "TensorFlow", "signatures": fields}).decode())


def _print_table(verdicts: tuple[Verdict, ...], against: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Signature", "Engine", "Inputs", "Rows", "Largest difference", "Verdict"):
        table.add_column(column, overflow="fold")
    for one in verdicts:
        figure = f"{one.largest:.3g}" if one.compared else "-"
        said = one.word + (f": {one.text}" if one.text else "")
        table.add_row(one.signature, one.engine or "none", one.source, str(one.rows or "-"), figure, said)
    console = Console(file=sys.stdout, highlight=False, markup=False)
    console.print(f"Compared with {against or 'TensorFlow'}:")
    console.print(table)
