"""`lightship docker start`: serves a model from a container. Starting it again changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lightship.cli.docker.options import DEFAULT_NAME, AsJson, Name
from lightship.cli.output import print_json, print_text

if TYPE_CHECKING:
    from lightship.docker import Container
    from lightship.docker.readiness import Progress

Restart = Literal["no", "on-failure", "unless-stopped", "always"]


def start(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's folder, such as models/dog, or name=path.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- FLAG...]", help="Additional flags for the server.")
    ] = None,
    name: Name = DEFAULT_NAME,
    model_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's name in the server; by default the folder's name.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            envvar="LIGHTSHIP_IMAGE",
            help="The server's image: by default Lightship's of this version; or tensorflow/serving:2.20.0.",
        ),
    ] = None,
    publish: Annotated[
        list[str] | None,
        typer.Option(
            "--publish",
            "-p",
            metavar="[ADDRESS:]HOST:CONTAINER",
            help="The port on the host for a port in the container: 8501 is REST, 8500 is gRPC; both by default. "
            "Host port 0 means a free port.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to publish the ports at; 0.0.0.0 for all networks.")
    ] = "127.0.0.1",
    pin_version: Annotated[
        int | None,
        typer.Option(metavar="N", help="Mount only this version; by default all, and new versions are loaded."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="NAME=VALUE", help="An environment variable for the server."),
    ] = None,
    restart: Annotated[Restart, typer.Option(help="When the engine restarts the container.")] = "unless-stopped",
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="The memory limit, such as 2g.")] = None,
    cpus: Annotated[float | None, typer.Option(metavar="N", help="The limit of processors, such as 1.5.")] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace a container with other settings, or one that Lightship did not start."),
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait until the model is loaded.")] = 120.0,
    json: AsJson = False,
) -> None:
    """Serve a model from a container and wait until it is loaded. If such a container already runs, change nothing.

    The folder is mounted read-only at /models/NAME. If a container runs with other settings, the command fails and
    shows the difference; a container that has ended is started again. If the start fails or is interrupted, the
    container is removed.
    """
    from lightship import docker
    from lightship.cli.advice import START
    from lightship.cli.model_argument import model_argument
    from lightship.docker.build_plan import OUR_IMAGE

    source = model_argument(model, START)
    with _progress() as progress:
        container = docker.start(
            source.path,
            name=name,
            model_name=model_name or source.name,
            image=image or OUR_IMAGE,
            publish=publish or (),
            host=host,
            pin_version=pin_version,
            environment=_environment(env or ()),
            arguments=arguments or (),
            restart=restart,
            memory=memory,
            cpus=cpus,
            replace=replace,
            timeout=timeout,
            progress=progress,
        )
    if json:
        _print_json(container)
    else:
        _print_text(container)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Shows the progress in one line on a terminal, and nothing elsewhere, so that logs contain only results."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("connecting to the Docker Engine") as line:
        yield line.update


def _environment(given: Sequence[str]) -> dict[str, str]:
    for text in given:
        if not text.partition("=")[1]:
            raise typer.BadParameter(f"--env is {text!r}; give NAME=VALUE")
    return {text.partition("=")[0]: text.partition("=")[2] for text in given}


def _print_json(container: Container) -> None:
    print_json(asdict(container))


def _print_text(container: Container) -> None:
    texts = {
        "started": f"{container.name} is started",
        "replaced": f"{container.name} is replaced",
        "resumed": f"{container.name} was paused and is resumed",
        "left alone": f"{container.name} runs already with these settings and is unchanged",
    }
    print_text(f"{texts[container.action]} ({container.id[:12]}, {container.image})")
    print_text(f"{container.model} answers at {container.url}/v1/models/{container.model}:predict")
