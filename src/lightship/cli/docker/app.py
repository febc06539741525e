"""The command `lightship docker`, which collects its subcommands."""

from __future__ import annotations

import typer

from lightship.cli.docker import build, logs, start, status, stop

app = typer.Typer(
    name="docker",
    help="Serve models from containers, with the Docker Engine.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("start")(start.start)
app.command("stop")(stop.stop)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("build")(build.build)
