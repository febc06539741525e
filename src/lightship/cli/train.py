"""`lightship train`: trains an image classifier on a folder of photos, and writes it as a version folder."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightship.cli.advice import TRAIN_TARGET, TRAINED_PHOTOS, check_argument, check_target
from lightship.cli.failures import warnings_afterwards
from lightship.cli.output import print_json, print_text

if TYPE_CHECKING:
    from lightship.training.run.options import TrainOptions, Unfreeze
    from lightship.training.run.trained_run import TrainedRun

_DATA, _IMAGES, _TRAINING = "Photos", "Images", "Training"


def train(
    photos: Annotated[
        str,
        typer.Argument(
            help="A folder with a folder of photos for each class; one with train/ and val/; one of photos whose "
            "names say the class, with --pattern; or a CSV file of paths and labels."
        ),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="The model's own folder, such as models/cars, to write into."),
    ],
    base: Annotated[
        str,
        typer.Option(
            help="The network to begin with: resnet50v2, mobilenetv2, efficientnetb0, efficientnet-lite0, vgg16, or "
            "the path of a .keras file or of a trained version."
        ),
    ] = "mobilenetv2",
    weights: Annotated[
        str, typer.Option(help="The weights of the base: imagenet, the path of a file, or none for random ones.")
    ] = "imagenet",
    pattern: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_DATA, help="Where the names of the photos say their class: '{make}_{model}_*.jpg'."
        ),
    ] = None,
    valid_share: Annotated[
        float,
        typer.Option(
            rich_help_panel=_DATA,
            help="The share of each class to set aside for validation, unless the photos are split already.",
        ),
    ] = 0.2,
    min_photos: Annotated[
        int, typer.Option(min=1, rich_help_panel=_DATA, help="Classes with fewer photos are left out.")
    ] = 5,
    keep_rare: Annotated[
        bool, typer.Option("--keep-rare", rich_help_panel=_DATA, help="Keep classes with fewer than --min-photos.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="PIXELS",
            rich_help_panel=_IMAGES,
            help="Height and width of the model's input, such as 224 or 192x256; by default the base's.",
        ),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(rich_help_panel=_IMAGES, help="The change of aspect ratio: stretch, crop, pad or crop_or_pad."),
    ] = None,
    family: Annotated[
        str | None, typer.Option(rich_help_panel=_IMAGES, help="The library that resizes: pillow or tensorflow.")
    ] = None,
    resize: Annotated[
        str | None, typer.Option(rich_help_panel=_IMAGES, help="The resize method: bilinear, bicubic, nearest, ...")
    ] = None,
    preprocess: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_IMAGES,
            help="The preprocessing of the pixels, for a base of your own: mobilenet_v2, resnet_v2, none, ...",
        ),
    ] = None,
    augment: Annotated[
        bool,
        typer.Option("--augment/--no-augment", rich_help_panel=_IMAGES, help="Change training photos at random."),
    ] = True,
    unfreeze: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_TRAINING,
            help="The layers of the base to fine-tune: all, none, or a regular expression on names of layers, which "
            "can be repeated.",
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, rich_help_panel=_TRAINING, help="The most epochs that train only the new head.")
    ] = 10,
    fine_tune_epochs: Annotated[
        int, typer.Option(min=0, rich_help_panel=_TRAINING, help="The most epochs that fine-tune the base.")
    ] = 10,
    learning_rate: Annotated[
        float, typer.Option(rich_help_panel=_TRAINING, help="The learning rate of the new head.")
    ] = 1e-3,
    fine_tune_rate: Annotated[
        float, typer.Option(rich_help_panel=_TRAINING, help="The learning rate of fine-tuning.")
    ] = 1e-4,
    batch_size: Annotated[
        int, typer.Option(min=1, rich_help_panel=_TRAINING, help="The number of photos in a batch.")
    ] = 32,
    patience: Annotated[
        int,
        typer.Option(
            min=1,
            rich_help_panel=_TRAINING,
            help="End a phase after this many epochs without a lower loss on the validation photos.",
        ),
    ] = 5,
    class_weights: Annotated[
        bool,
        typer.Option(
            "--class-weights/--no-class-weights",
            rich_help_panel=_TRAINING,
            help="Give each class the same weight, however many photos it has.",
        ),
    ] = True,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, rich_help_panel=_TRAINING, help="The same seed gives the same result.")
    ] = 0,
    version: Annotated[
        int | None, typer.Option(min=1, help="The version to write; the next free one by default.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Train from the start, and discard a training that could be resumed.")
    ] = False,
    progress: Annotated[
        bool,
        typer.Option("--progress/--no-progress", help="Show the epochs on standard error."),
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train an image classifier on your photos, and write it as a version folder with a report.

    The new head is trained first, then the base is fine-tuned. The weights of the epoch with the lowest loss on the
    validation photos are kept. Ctrl-C stops the training early and writes the best epoch so far. If a training was
    killed, run the same command again to resume it.
    """
    check_argument(photos, TRAINED_PHOTOS)
    check_target(output, TRAIN_TARGET)
    from lightship.training.run.progress import training_progress
    from lightship.training.run.train import train as train_model

    options = _options(
        photos=Path(photos),
        output=Path(output),
        base=base,
        pattern=pattern,
        valid_share=valid_share,
        min_photos=min_photos,
        keep_rare=keep_rare,
        size=_size(size),
        fit=fit,
        family=family,
        resize=resize,
        preprocess=preprocess,
        weights=None if weights.lower() == "none" else weights,
        unfreeze=_unfreeze(unfreeze),
        epochs=epochs,
        fine_tune_epochs=fine_tune_epochs,
        learning_rate=learning_rate,
        fine_tune_rate=fine_tune_rate,
        batch_size=batch_size,
        patience=patience,
        augment=augment,
        class_weights=class_weights,
        seed=seed,
        version=version,
        restart=restart,
    )
    with warnings_afterwards():
        run = train_model(options, training_progress(progress))
    if json:
        print_json(run.to_json())
    else:
        print_text(_next_steps(run, options), file=sys.stderr)
        print_text(run.version)


def _options(**values: Any) -> TrainOptions:
    """Returns the options. Raises BadParameter for values that are not possible."""
    from lightship.errors import InvalidArgument
    from lightship.training.run.options import TrainOptions

    try:
        return TrainOptions(**values)
    except InvalidArgument as error:
        raise typer.BadParameter(error.message) from None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, times, width = text.lower().partition("x")
    if not (height.isdecimal() and (width.isdecimal() or not times)) or 0 in (int(height), int(width or height)):
        raise typer.BadParameter(f"--size is {text!r}; give height and width in pixels, such as 224 or 192x256")
    return int(height), int(width or height)


def _unfreeze(given: list[str] | None) -> Unfreeze:
    if not given:
        return "all"
    if len(given) == 1 and given[0] in ("all", "none"):
        return "all" if given[0] == "all" else None
    if "all" in given or "none" in given:
        raise typer.BadParameter("--unfreeze all and --unfreeze none cannot be combined with others: give only one")
    return tuple(given)


def _next_steps(run: TrainedRun, options: TrainOptions) -> str:
    folder = quote(str(run.version.parent))
    lines = [
        _result(run),
        f"serve it:    lightship serve {folder}",
        f"try it:      lightship predict {folder} PHOTO",
        f"its report:  {run.report}",
    ]
    if run.previous is not None:
        lines.append(f"compare it:  {_comparison(run, run.previous, options)}")
    return "\n".join(lines)


def _comparison(run: TrainedRun, previous: Path, options: TrainOptions) -> str:
    """Returns the command that compares both versions on the photos for validation: the new one has not seen them."""
    from lightship.datasets.photo_set import DEFAULT_VALID_SHARE

    words = ["lightship", "compare", str(previous), str(run.version), "--on", str(options.photos), "--held-out"]
    if options.valid_share != DEFAULT_VALID_SHARE:
        words += ["--valid-share", str(options.valid_share)]
    if options.seed:
        words += ["--seed", str(options.seed)]
    if options.pattern is not None:
        words += ["--pattern", options.pattern]
    if run.photos.rare and not run.photos.rare_kept:
        words.append("--ignore-unknown")  # the photos of the classes that were left out
    return " ".join(map(quote, words))


def _result(run: TrainedRun) -> str:
    count = len(run.photos.valid)
    result = run.result
    best = f"{result.best_epoch + 1} of {len(result.epochs)}"
    early = "stopped by Ctrl-C; " if result.interrupted else ""
    return f"{early}best epoch {best}, accuracy {result.accuracy:.1%} on {count} validation photos"
