"""`lightship status`: shows the models of a server and their states."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

from lightship.cli import tls
from lightship.cli.options import Argument, Option
from lightship.cli.output import add_row, print_json, print_styled, print_text
from lightship.errors import LightshipError, Unimplemented

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table

    from lightship.client import Client, ModelStatus, VersionStatus, WorkerStatus

# The columns of numbers, and those of texts. The others are names.
_NUMBERS = ("Version", "Worker", "Process", "Restarts")
_TEXTS = ("Checked", "Reason")


def status(
    url: Annotated[
        str,
        Argument(help="A server's URL, http://host:8501 or grpc://host:8500, or a model's, .../v1/models/dog."),
    ],
    model: Annotated[str | None, Argument(help="Show only this model.")] = None,
    timeout: Annotated[
        float, Option(min=0.001, envvar="LIGHTSHIP_TIMEOUT", help="Seconds to wait for the server's answer.")
    ] = 10.0,
    ca: tls.Ca = None,
    cert: tls.Certificate = None,
    key: tls.Key = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a server's models with their versions, states and errors, and its workers if there are several.

    The exit code is 1 unless every shown model has a loaded version.
    """
    from lightship.cli.server_address import server_address
    from lightship.client import Client

    address = server_address(url)
    with Client(url, timeout=timeout, tls=tls.tls_of(ca, cert, key)) as client:
        name = model or address.model
        models = _models(client, name)
        ready = all(one.ready for one in models) if name else client.ready()
        workers = _workers(client)
    if json:
        _print_json(models, workers, ready)
    else:
        _print_table(models, workers)
    if not ready:
        sys.exit(1)


def _models(client: Client, name: str | None) -> tuple[ModelStatus, ...]:
    if name:
        return (_one(client, name),)
    try:
        return tuple(_with_reasons(client, model) for model in client.models())
    except Unimplemented as error:
        raise Unimplemented(
            f"{client.url} has no list of models, as with TensorFlow Serving: name the model, as in "
            f"`lightship status {client.url} NAME`"
        ) from error


def _workers(client: Client) -> tuple[WorkerStatus, ...]:
    """Returns the server's processes; none if there is only one, or if the server does not tell."""
    with suppress(LightshipError):
        return client.workers()
    return ()


def _one(client: Client, name: str) -> ModelStatus:
    """Returns one model, with its engines if the server lists them."""
    from lightship.client import ModelStatus

    versions = client.status(name)
    with suppress(LightshipError):
        listed = next((model for model in client.models() if model.name == name), None)
        if listed is not None:
            return replace(listed, versions=_with_errors(listed, versions))
    return ModelStatus(name, versions)


def _with_reasons(client: Client, model: ModelStatus) -> ModelStatus:
    """Adds the errors of the versions to a listed model: the list has states and engines, but no errors."""
    if not model.versions:
        return model
    return replace(model, versions=_with_errors(model, client.status(model.name)))


def _with_errors(listed: ModelStatus, statuses: tuple[VersionStatus, ...]) -> tuple[VersionStatus, ...]:
    """Returns the statuses, which have errors, with the engines and notes of the list."""
    known = {version.version: version for version in listed.versions}
    return tuple(
        replace(one, signatures=known[one.version].signatures, note=known[one.version].note)
        if one.version in known
        else one
        for one in statuses
    )


def _print_json(models: tuple[ModelStatus, ...], workers: tuple[WorkerStatus, ...], ready: bool) -> None:
    fields = {
        "ready": ready,
        "models": [asdict(model) | {"ready": model.ready} for model in models],
        "workers": [asdict(worker) for worker in workers],
    }
    print_json(fields)


def _print_table(models: tuple[ModelStatus, ...], workers: tuple[WorkerStatus, ...]) -> None:
    table = _table("Model", "Version", "State", "Reason")
    for model in models:
        if not model.versions or model.notice:
            add_row(table, model.name, "-", "-", model.notice or model.reason)
        for version in model.versions:
            reason = f"{version.error_code}: {version.error_message}" if version.error_message else version.note
            add_row(table, model.name, str(version.version), version.state, reason)
    print_styled(table)
    for further in (_engines_table(models), _workers_table(workers)):
        if further.row_count:
            print_text()
            print_styled(further)


def _table(*columns: str) -> Table:
    """Returns an empty table. Only texts wrap; names, which are copied into commands, are printed whole."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column in _NUMBERS else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column not in _TEXTS)
    return table


def _engines_table(models: tuple[ModelStatus, ...]) -> Table:
    """Returns a table of how each signature is run, and how its answers were checked.

    A signature that is loaded at its first use has no engine and no reason before.
    """
    table = _table("Model", "Version", "Signature", "Engine", "Checked", "Reason")
    for model in models:
        for version in model.versions:
            for one in version.signatures:
                loaded = one.engine or one.reason
                engine = (one.engine or "none") if loaded else "not loaded yet"
                add_row(table, model.name, str(version.version), one.signature, engine, one.proof, one.reason)
    return table


def _workers_table(workers: tuple[WorkerStatus, ...]) -> Table:
    """Returns a table of the server's processes."""
    table = _table("Worker", "Process", "State", "Restarts")
    for one in workers:
        add_row(table, str(one.number), str(one.pid or "-"), one.state, str(one.restarts))
    return table
