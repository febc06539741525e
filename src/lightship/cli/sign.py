"""`lightship sign`: signs a version, for servers that load signed models only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lightship.cli.advice import SIGN
from lightship.cli.output import print_json, print_text
from lightship.cli.version_folder import find_version
from lightship.errors import InvalidArgument

PASSWORD = "LIGHTSHIP_SIGN_PASSWORD"


def sign(
    folder: Annotated[
        str,
        typer.Argument(
            help="A model's folder, such as models/dog, for its newest version, or a version folder, models/dog/1."
        ),
    ],
    key: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="PEM file with a private key of the curve P-256, P-384 or P-521. If it is encrypted, its password is "
            f"asked for, or taken from {PASSWORD}.",
        ),
    ],
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file with the key's certificate, for servers that know its authority."),
    ] = None,
    chain: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="With --certificate: PEM file with certificates between it and the authority's."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The name under which the model is served, if its folder has another one."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sign a version: write model.sig into its folder.

    Servers with --verify-models load only signed versions, and none that was changed since.
    """
    from lightship.signing import sign as sign_version
    from lightship.signing.keys import check_private_key

    if chain and certificate is None:
        raise InvalidArgument("--chain has no effect without --certificate: give both")
    found = find_version(folder, SIGN)
    password = _password(key) if check_private_key(key) and certificate is None else None
    file = sign_version(found.path, key, password=password, certificate=certificate, chain=chain or (), name=name)
    signed = f"{name or found.model}/{found.version}"
    if json:
        print_json({"signed": str(found.path), "name": signed, "signature": str(file)})
    else:
        print_text(f"signed {found.path} as {signed}: {file}")


def _password(key: Path) -> str:
    """Returns the password of an encrypted key. Raises InvalidArgument if there is nobody to ask for it."""
    given = os.environ.get(PASSWORD)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise InvalidArgument(f"{key} is encrypted: give its password in the environment variable {PASSWORD}")
    return str(typer.prompt(f"Password of {key}", hide_input=True, err=True))
