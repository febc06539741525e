"""`lightship verify`: compares the answers of the serving engine with those of TensorFlow or of a running server."""

from __future__ import annotations

import math
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from lightship.cli import tls
from lightship.cli.advice import AGAINST, VERIFY
from lightship.cli.failures import run_command
from lightship.cli.output import add_row, print_json, print_styled, print_text
from lightship.cli.version_folder import VersionFolder, find_version
from lightship.errors import InvalidArgument

if TYPE_CHECKING:
    from lightship.bundle.bundle import Bundle
    from lightship.cli.verification import Tolerance, Verification
    from lightship.cli.verification.sides import Side
    from lightship.client import Tls

COULD_NOT_COMPARE = 2


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `lightship verify`."""

    # The URL of a server; None for TensorFlow in this process.
    against: str | None
    samples: str | None
    signature: str | None
    tolerance: Tolerance
    timeout: float
    trusted: Tls | None


def verify(
    folder: Annotated[
        str,
        typer.Argument(
            help="A model's folder, such as models/dog, for its newest version, or a version folder, models/dog/1."
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The URL of a server to compare with, http://host:8501 or grpc://host:8500, with /v1/models/NAME or "
            "/v1/models/NAME/versions/3 if its model or version has another name. Default: TensorFlow in this process.",
        ),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The inputs: a .npz file with an array for each input, rows along the first axis; a .npy file for the "
            "only input; a photo or a folder of photos. Default: the golden sample, or random rows.",
        ),
    ] = None,
    signature: Annotated[str | None, typer.Option(metavar="NAME", help="Compare only this signature.")] = None,
    rtol: Annotated[float | None, typer.Option(min=0, help="Allowed relative difference of floats. [1e-3]")] = None,
    atol: Annotated[float | None, typer.Option(min=0, help="Allowed absolute difference in addition. [1e-4]")] = None,
    timeout: Annotated[
        float,
        typer.Option(min=0.001, envvar="LIGHTSHIP_TIMEOUT", help="Seconds to wait for each of the server's answers."),
    ] = 60.0,
    ca: tls.Ca = None,
    cert: tls.Certificate = None,
    key: tls.Key = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the engine's answers with TensorFlow's, signature by signature.

    The exit code is 0 if all compared answers are equal, 1 if one differs, and 2 if none could be compared.
    """
    codes: list[int] = []

    def run() -> None:
        from lightship.cli.verification import Tolerance

        found = find_version(folder, VERIFY)
        tolerance = _checked(Tolerance(rtol, atol))
        wanted = Options(against, samples, signature, tolerance, timeout, tls.tls_of(ca, cert, key))
        name, verification = _verify(found, wanted)
        (_print_json if json else _print_table)(found, name, tolerance, verification)
        codes.append({"equal": 0, "different": 1}.get(verification.verdict, COULD_NOT_COMPARE))

    run_command(run, failure=COULD_NOT_COMPARE)
    if codes[0]:
        raise typer.Exit(codes[0])


def _verify(found: VersionFolder, wanted: Options) -> tuple[str, Verification]:
    """Returns the name of the reference and the result of the comparison."""
    from rich.console import Console

    from lightship.bundle.bundle import open_bundle
    from lightship.cli.verification import read_samples, serving_engine, verify_signatures

    bundle = open_bundle(found.path, found.model, found.version)
    samples = read_samples(bundle, wanted.samples)
    console = Console(stderr=True)
    with ExitStack() as stack:
        stack.enter_context(console.status("comparing") if console.is_terminal else nullcontext())
        reference = _reference(stack, bundle, wanted)
        serving = stack.enter_context(serving_engine(bundle))
        result = verify_signatures(bundle, serving, reference, samples, wanted.tolerance, wanted.signature)
        return reference.name, result


def _reference(stack: ExitStack, bundle: Bundle, wanted: Options) -> Side:
    from lightship.cli.verification import local_tensorflow, remote_server

    if wanted.against is None:
        return stack.enter_context(local_tensorflow(bundle))
    from lightship.cli.server_address import server_address
    from lightship.client import Client

    address = server_address(wanted.against, AGAINST)
    address = replace(address, model=address.model or bundle.name)
    if address.version is None and address.label is None:
        address = replace(address, version=bundle.version)
    client = stack.enter_context(Client(wanted.against, timeout=wanted.timeout, tls=wanted.trusted))
    return stack.enter_context(remote_server(client, address))


def _checked(tolerance: Tolerance) -> Tolerance:
    """Raises InvalidArgument if --rtol or --atol is not finite."""
    if not all(math.isfinite(value) for value in (tolerance.rtol, tolerance.atol) if value is not None):
        raise InvalidArgument("--rtol or --atol is not finite: give a number of 0 or more")
    return tolerance


def _print_json(found: VersionFolder, name: str, tolerance: Tolerance, verification: Verification) -> None:
    fields = {
        "path": str(found.path),
        "model": found.model,
        "version": found.version,
        "against": name,
        "rtol": tolerance.shown_rtol,
        "atol": tolerance.shown_atol,
        "verdict": verification.verdict.value,
        "signatures": [result.to_json() for result in verification.results],
    }
    print_json(fields)


def _print_table(found: VersionFolder, name: str, tolerance: Tolerance, verification: Verification) -> None:
    from rich.table import Table

    print_text(f"{found.path}: model {found.model}, version {found.version}, against {name}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("Signature", "Engine", "Samples", "Rows", "Absolute", "Relative", "Verdict"):
        right = column in ("Rows", "Absolute", "Relative")
        table.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=True)
    for one in verification.results:
        numbers = (_number(one.absolute), _number(one.relative))
        add_row(table, one.signature, one.engine, one.samples, str(one.rows or "-"), *numbers, one.verdict.value)
    print_styled(table)
    for one in verification.results:
        if one.detail:
            print_text(f"{one.signature}: {one.detail}")
    print_text(
        f"Tolerance: {tolerance.shown_atol:g} + {tolerance.shown_rtol:g} of the expected number; "
        "whole numbers, strings, types and shapes must be equal"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
