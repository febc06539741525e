"""The command `lightship docker`, which collects its subcommands."""

from __future__ import annotations

import typer

from lightship.cli.docker import build, logs, start, status, stop
from lightship.cli.help_text import HelpCommand, HelpGroup

app = typer.Typer(
    name="docker",
    help="Serve models from containers, with the Docker Engine.",
    cls=HelpGroup,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("start", cls=HelpCommand)(start.start)
app.command("stop", cls=HelpCommand)(stop.stop)
app.command("status", cls=HelpCommand)(status.status)
app.command("logs", cls=HelpCommand)(logs.logs)
app.command("build", cls=HelpCommand)(build.build)
