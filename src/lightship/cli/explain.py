"""`lightship explain`: shows which parts of photos raise the score of a class, and checks such explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from lightship.cli import tls
from lightship.client.arguments import DEFAULT_CONCURRENCY, DEFAULT_MASKS, MAX_CONCURRENCY, MAX_MASKS

if TYPE_CHECKING:
    from lightship.client import Rise

_RISE, _CHECK = "Rise", "Check"

# The names that a shell completes; a server may know others.
_METHODS = ("cam", "grad-cam", "hirescam", "grad-cam++", "rise")


def _colormaps() -> list[str]:
    from lightship.images.colormaps import COLORMAPS

    return list(COLORMAPS)


def explain(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model's URL, http://host:8501/v1/models/dog or grpc://host:8500/dog, optionally with /versions/3 "
            "or /labels/stable; or a model's folder, models/dog, to run it without a server.",
        ),
    ],
    photos: Annotated[
        list[str] | None, typer.Argument(help="Image files, folders of images, or - for standard input.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to write heat maps: a file (.png, .jpg, .webp, or .npy for the numbers of the map); for "
            "several photos or classes a folder. With --check: where to draw the curves, a .svg file.",
        ),
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="LABEL",
            help="The class to explain, a label or an index; can be repeated. Default: the class with the highest "
            "score.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=lambda: list(_METHODS),
            help="cam, grad-cam, hirescam or grad-cam++, if the model has it; or rise, which works for every "
            "classifier. Default: the model's default method.",
        ),
    ] = None,
    colormap: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=_colormaps,
            help="The colours of the heat map: cividis, viridis, inferno or gray.",
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="How much the heat map hides the photo: 0 not at all, 1 completely."),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(min=0.001, envvar="LIGHTSHIP_TIMEOUT", help="Seconds to wait for each of the server's answers."),
    ] = 30.0,
    concurrency: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_CONCURRENCY,
            envvar="LIGHTSHIP_CONCURRENCY",
            help="How many photos are explained at the same time. With rise always one.",
        ),
    ] = DEFAULT_CONCURRENCY,
    bundle: Annotated[
        str | None,
        typer.Option(
            envvar="LIGHTSHIP_BUNDLE",
            help="The exported version folder, for labels over gRPC, and to preprocess photos for a model that takes "
            "no encoded images.",
        ),
    ] = None,
    ca: tls.Ca = None,
    cert: tls.Certificate = None,
    key: tls.Key = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print JSON: one object for each photo and class, with the map; with --check one object."
        ),
    ] = False,
    budget: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_MASKS,
            rich_help_panel=_RISE,
            help=f"How many photos with hidden parts are predicted for each photo and class. Default: {DEFAULT_MASKS}.",
        ),
    ] = None,
    budget_seconds: Annotated[
        float | None,
        typer.Option(
            min=0.001, rich_help_panel=_RISE, help="Stop after so many seconds, and use the predictions that are done."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, rich_help_panel=_RISE, help="The seed of the random numbers, of rise and of --check.")
    ] = 0,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            rich_help_panel=_CHECK,
            help="Measure the explanations of the photos in this folder: against random maps and, if MODEL is a "
            "folder, against copies of the model with random weights.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            rich_help_panel=_CHECK,
            help="By how much the areas under the deletion and insertion curves must be better than those of random "
            "maps. Default: 0.05.",
        ),
    ] = None,
    random_maps: Annotated[
        int | None,
        typer.Option(min=1, max=1000, rich_help_panel=_CHECK, help="How many random maps for each photo. Default: 20."),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option(
            min=0, max=100, rich_help_panel=_CHECK, help="How many copies of the model with random weights. Default: 3."
        ),
    ] = None,
    max_photos: Annotated[
        int | None,
        typer.Option(min=1, rich_help_panel=_CHECK, help="Use at most so many photos of the folder. Default: 20."),
    ] = None,
) -> None:
    """Show which parts of photos raise the score of a class, as heat maps.

    A photo that cannot be explained is reported on standard error; the others are still explained, and the exit code is
    1. With --check the exit code is 0 if the explanations are better than random maps and follow the model's weights, 1
    if not, and 2 if they could not be checked.
    """
    chosen = _method(method, budget, budget_seconds, seed)
    trusted = tls.tls_of(ca, cert, key)
    only_checks = {"margin": margin, "random-maps": random_maps, "copies": copies, "max-photos": max_photos}
    if check is not None:
        from lightship.cli.explain_check import Settings, run_check

        _check_arguments_of_check(photos, colormap, alpha, class_)
        measured = (margin, random_maps, copies, max_photos)
        settings = Settings(check, chosen, class_[0] if class_ else None, *measured, seed, output)
        code = run_check(target, settings, timeout, bundle, trusted, json)
    else:
        from lightship.cli.explain_output import Format
        from lightship.cli.explain_photos import Wanted, explain_photos

        wanted = Wanted(_given(photos, only_checks), class_ or [None], chosen, concurrency)
        code = explain_photos(target, wanted, Format(output, colormap, alpha, json), timeout, bundle, trusted)
    if code:
        raise typer.Exit(code)


def _method(name: str | None, budget: int | None, seconds: float | None, seed: int) -> str | Rise | None:
    """Returns the method with its options. Raises BadParameter for a budget of another method than rise."""
    from lightship.client.rise import Rise, rise_of

    if rise_of(name) is None:
        for option, value in (("--budget", budget), ("--budget-seconds", seconds)):
            if value is not None:
                raise typer.BadParameter(f"{option} has an effect only with --method rise: leave it out, or add that")
        return name
    return Rise(masks=budget or DEFAULT_MASKS, seconds=seconds, seed=seed)


def _given(photos: list[str] | None, only_checks: Mapping[str, object]) -> list[str]:
    """Returns the photos. Raises BadParameter if there is none, and for options of --check."""
    if not photos:
        raise typer.BadParameter("give photos after the model: image files, folders of images, or -")
    for name, value in only_checks.items():
        if value is not None:
            raise typer.BadParameter(f"--{name} has an effect only with --check FOLDER: leave it out, or add that")
    return photos


def _check_arguments_of_check(
    photos: list[str] | None, colormap: str | None, alpha: float | None, classes: list[str] | None
) -> None:
    """Raises BadParameter for what has no effect with --check."""
    if photos:
        raise typer.BadParameter(f"--check takes the photos of its folder: leave out {photos[0]}, or leave out --check")
    for option, value in (("--colormap", colormap), ("--alpha", alpha)):
        if value is not None:
            raise typer.BadParameter(f"{option} has no effect with --check: leave it out")
    if classes and len(classes) > 1:
        raise typer.BadParameter("--class can be given only once with --check")
