"""The command `lightship` with typer: collects the subcommands, and reports wrong arguments."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from lightship import __version__
from lightship.cli import (
    bench,
    compare,
    convert,
    docker,
    explain,
    export,
    inspect,
    predict,
    reload,
    serve,
    sift,
    sign,
    status,
    train,
    tune,
    verify,
)
from lightship.cli.advice import COMMAND, explain_argument
from lightship.cli.allow_reload import ServeCommand
from lightship.cli.argument_kinds import kind_of
from lightship.cli.completion import run_completion
from lightship.cli.config import check
from lightship.cli.failures import print_error
from lightship.cli.help_text import HelpCommand, HelpGroup
from lightship.cli.options import typer_command
from lightship.cli.output import print_text
from lightship.cli.usage_errors import usage_error_text

app = typer.Typer(
    name="lightship",
    help="Export a trained Keras model and serve it with TensorFlow Serving's API.",
    cls=HelpGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("export", cls=HelpCommand)(export.export)
app.command("convert", cls=HelpCommand)(convert.convert)
app.command("train", cls=HelpCommand)(train.train)
app.command("serve", cls=ServeCommand)(typer_command(serve.serve))
app.command("reload", cls=HelpCommand)(typer_command(reload.reload))
app.command("predict", cls=HelpCommand)(typer_command(predict.predict))
app.command("explain", cls=HelpCommand)(typer_command(explain.explain))
app.command("inspect", cls=HelpCommand)(inspect.inspect)
app.command("status", cls=HelpCommand)(typer_command(status.status))
app.command("verify", cls=HelpCommand)(typer_command(verify.verify))
app.command("sign", cls=HelpCommand)(sign.sign)
app.command("sift", cls=HelpCommand)(typer_command(sift.sift))
app.command("compare", cls=HelpCommand)(typer_command(compare.compare))
app.command("tune", cls=HelpCommand)(typer_command(tune.tune))
app.command("bench", cls=HelpCommand)(typer_command(bench.bench))
app.add_typer(docker.app)
config = typer.Typer(cls=HelpGroup, help="Check configuration files.")
config.command("check", cls=HelpCommand)(typer_command(check.check))
app.add_typer(config, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        print_text(f"lightship {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, like LIGHTSHIP_DEBUG=1 in the environment.")
    ] = False,
) -> None:
    if debug:
        os.environ["LIGHTSHIP_DEBUG"] = "1"


def run_app() -> None:
    """Reads the arguments with typer and runs the command that they name. Exits with 2 if they are wrong."""
    if run_completion(sys.argv[1:]):
        return
    try:
        code = app(standalone_mode=False)
    except TyperException as error:  # wrong arguments; typer's own message would fill a screen
        context = getattr(error, "ctx", None)
        advice = _advice_without_command(error)
        if advice:
            print_error(advice)
            sys.exit(error.exit_code)
        command = context.command_path if context else "lightship"
        text = usage_error_text(error)
        suggested = "did you mean" in text
        print_error(text if suggested else f"{text} (run `{command} --help` for a list of arguments)")
        sys.exit(error.exit_code)
    sys.exit(code or 0)


def _advice_without_command(error: TyperException) -> str:
    """Returns advice if a file, a folder or an address is given in place of a command; else an empty text."""
    given = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if not error.format_message().startswith("No such command"):
        return ""
    kind = kind_of(given)
    return explain_argument(given, kind, COMMAND) if kind in COMMAND.wrong else ""
