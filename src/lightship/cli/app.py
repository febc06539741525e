"""`lightship`: the commands together, and what happens when one fails."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from lightship import __version__
from lightship.cli import docker, export, inspect, predict, serve, status, verify
from lightship.cli.failures import print_error, quiet_libraries, run_command

app = typer.Typer(
    name="lightship",
    help="From a trained Keras model to answers behind TensorFlow Serving's API.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("export")(export.export)
app.command("serve")(serve.serve)
app.command("predict")(predict.predict)
app.command("inspect")(inspect.inspect)
app.command("status")(status.status)
app.command("verify")(verify.verify)
app.add_typer(docker.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"lightship {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; the same as LIGHTSHIP_DEBUG=1 in the environment.")
    ] = False,
) -> None:
    if debug:
        os.environ["LIGHTSHIP_DEBUG"] = "1"


def main() -> None:
    """The command `lightship`. Exit code: 0 on success alone, 2 for what was typed wrong, 130 after Ctrl-C, else 1."""
    quiet_libraries()
    run_command(_run)


def _run() -> None:
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False)
    except TyperException as error:  # typed wrong: typer would fill a screen
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "lightship"
        print_error(f"{' '.join(error.format_message().split())} (`{command} --help` says what there is)")
        sys.exit(error.exit_code)
    sys.exit(code or 0)
