"""`lightship docker build`: builds an image that contains a model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightship.cli.docker.options import AsJson
from lightship.cli.output import print_text
from lightship.printable import json_line

if TYPE_CHECKING:
    from lightship.docker import BakedImage, BuildPlan


def build(
    model: Annotated[
        str, typer.Argument(help="The model's own folder, which contains its versions, such as models/dog.")
    ],
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="The name of the image, such as dog:1; can be repeated.")
    ] = None,
    model_name: Annotated[
        str | None, typer.Option(help="The model's name in the server; by default the folder's name.")
    ] = None,
    versions: Annotated[
        str, typer.Option(help="The versions to include: all, latest, or numbers such as 1,2. Each becomes a layer.")
    ] = "all",
    image: Annotated[
        str | None,
        typer.Option(
            help="The base image: by default Lightship's of this version; or tensorflow/serving:2.20.0.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A label of the image; can be repeated.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option(help="The platform of the base image, such as linux/arm64; by default the engine's.")
    ] = None,
    pull: Annotated[bool, typer.Option("--pull", help="Pull a newer base image if the registry has one.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Build every layer again instead of using the cache.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the Dockerfile and the files without building the image.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Build an image that contains a model and serves it, such as docker run -p 8501:8501 dog:1."""
    from lightship import docker
    from lightship.cli.advice import BUILD, check_argument
    from lightship.docker.build_plan import OUR_IMAGE

    if not tag and not dry_run:
        raise typer.BadParameter("the image has no name: give one, such as -t dog:1")
    check_argument(model, BUILD)
    folder = Path(model)
    image, labels = image or OUR_IMAGE, _labels(label or ())
    if dry_run:
        plan = docker.plan_build(
            folder, tag or (), model_name=model_name, versions=versions, image=image, labels=labels
        )
        print_text(_json(_plan_fields(plan)) if json else _plan_text(plan), end="")
        return
    with _progress() as progress:
        baked = docker.build(
            folder,
            tag or (),
            model_name=model_name,
            versions=versions,
            image=image,
            labels=labels,
            platform=platform,
            pull=pull,
            cache=not no_cache,
            progress=progress,
        )
    print_text(_json(asdict(baked)) if json else _baked_text(baked), end="")


def _labels(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    wrong = next((one for one, (_, equals, _) in zip(given, pairs, strict=True) if not equals), None)
    if wrong is not None:
        raise typer.BadParameter(f"--label is {wrong!r}; give it as KEY=VALUE")
    return {key: value for key, _, value in pairs}


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Shows the progress in one line on a terminal, and nothing elsewhere, so that logs contain only results."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False, markup=False).status("connecting to the Docker Engine") as line:
        yield line.update


def _plan_text(plan: BuildPlan) -> str:
    width = max(len(f"{entry.size:,}") for entry in plan.entries)
    names = [f"{'' if entry.is_folder else f'{entry.size:,}':>{width}}  {entry.name}" for entry in plan.entries]
    files = [name + ("/" if entry.is_folder else "") for name, entry in zip(names, plan.entries, strict=True)]
    left_out = [f"Left out: {', '.join(plan.model.left_out)}"] if plan.model.left_out else []
    return "\n".join([plan.dockerfile, f"Context: {plan.size:,} bytes", *files, *left_out, ""])


def _plan_fields(plan: BuildPlan) -> dict[str, Any]:
    return {
        "dockerfile": plan.dockerfile,
        "context": [{"name": entry.name, "size": None if entry.is_folder else entry.size} for entry in plan.entries],
        "base": plan.base,
        "tags": plan.tags,
        "model": plan.model.name,
        "versions": plan.model.numbers,
        "labels": dict(plan.labels),
        "size": plan.size,
        "left_out": plan.model.left_out,
    }


def _baked_text(baked: BakedImage) -> str:
    plural = "s" if len(baked.versions) > 1 else ""
    what = f"{baked.model}, version{plural} {', '.join(map(str, baked.versions))}, on {baked.base}"
    return f"{', '.join(baked.tags)}: {what}\nRun it: docker run -p 8501:8501 {baked.tags[0]}\n"


def _json(fields: dict[str, Any]) -> str:
    return json_line(fields) + "\n"
