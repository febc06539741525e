"""`lightship docker start`: a model served from a container; twice is once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lightship.cli.docker.options import DEFAULT_NAME, AsJson, Name

if TYPE_CHECKING:
    from lightship.docker import Container
    from lightship.docker.readiness import Progress

Restart = Literal["no", "on-failure", "unless-stopped", "always"]


def start(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A folder with versions in it, such as models/dog, or name=path.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- FLAG...]", help="Further flags for the server.")
    ] = None,
    name: Name = DEFAULT_NAME,
    model_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What clients call the model; by default the folder's name.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            envvar="LIGHTSHIP_IMAGE",
            help="By default Lightship's own at this version; tensorflow/serving:2.20.0 is started the classic way.",
        ),
    ] = None,
    publish: Annotated[
        list[str] | None,
        typer.Option(
            "--publish",
            "-p",
            metavar="[ADDRESS:]HOST:CONTAINER",
            help="A port on the host for one in the container: 8501 is REST, 8500 gRPC, both by default. "
            "Host port 0 takes a free one.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to publish at; 0.0.0.0 for all networks.")] = "127.0.0.1",
    pin_version: Annotated[
        int | None, typer.Option(metavar="N", help="Mount this version alone; else all, and new ones are taken up.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", metavar="NAME=VALUE", help="A variable for the server.")
    ] = None,
    restart: Annotated[Restart, typer.Option(help="When the engine starts it again.")] = "unless-stopped",
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="A limit, such as 2g.")] = None,
    cpus: Annotated[float | None, typer.Option(metavar="N", help="A limit, such as 1.5.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a container that differs, or that Lightship did not start.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds until the model must answer.")] = 120.0,
    json: AsJson = False,
) -> None:
    """Serve a model from a container and wait until it answers. If that runs already, nothing is changed.

    The folder is mounted read-only at /models/NAME. What is running with other settings is refused, and the difference
    shown; what has ended is started anew. A start that fails, or is interrupted, leaves no container behind.
    """
    from lightship import docker
    from lightship.docker.build_plan import OUR_IMAGE
    from lightship.server import parse_model_argument

    source = parse_model_argument(model)
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
    """On a terminal one line that changes; elsewhere none, so that logs hold results alone."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("asking the Docker Engine") as line:
        yield line.update


def _environment(given: Sequence[str]) -> dict[str, str]:
    for text in given:
        if not text.partition("=")[1]:
            raise typer.BadParameter(f"{text!r} sets no variable: give NAME=VALUE")
    return {text.partition("=")[0]: text.partition("=")[2] for text in given}


def _print_json(container: Container) -> None:
    import orjson

    print(orjson.dumps(asdict(container)).decode())


def _print_text(container: Container) -> None:
    said = {
        "started": f"{container.name} is started",
        "replaced": f"{container.name} is replaced",
        "resumed": f"{container.name} was paused and goes on",
        "left alone": f"{container.name} runs already with these settings and is left alone",
    }
    print(f"{said[container.action]} ({container.id[:12]}, {container.image})")
    print(f"{container.model} answers at {container.url}/v1/models/{container.model}:predict")
