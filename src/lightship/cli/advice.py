"""Explains a wrong argument of a command: what was given, what is expected, and the command that was probably meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from lightship.cli.argument_kinds import FILE_SUFFIXES, FILES, Kind, kind_of, kind_of_name
from lightship.errors import InvalidArgument, NotFound
from lightship.saved_model.versions import export_command, version_number
from lightship.store.urls import redacted


class Wanted(NamedTuple):
    """What a command expects of an argument."""

    command: str
    expected: str
    # The kinds that are certainly wrong. The command itself explains what it finds in the others.
    wrong: Collection[Kind]


NOT_LOCAL = frozenset({Kind.ADDRESS, Kind.STORE})
NOT_A_FOLDER = FILES | NOT_LOCAL | {Kind.EMPTY}
A_MODEL_FOLDER = "a model's folder, such as models/dog"
AN_ADDRESS = "a server's address, such as http://127.0.0.1:8501 or grpc://127.0.0.1:8500"

INSPECT = Wanted("lightship inspect", A_MODEL_FOLDER, NOT_A_FOLDER | {Kind.PHOTOS})
VERIFY = INSPECT._replace(command="lightship verify")
SIGN = INSPECT._replace(command="lightship sign")
SERVE = Wanted("lightship serve", A_MODEL_FOLDER, NOT_A_FOLDER - {Kind.STORE})
START = SERVE._replace(command="lightship docker start", wrong=NOT_A_FOLDER)
BUILD = INSPECT._replace(command="lightship docker build")
STATUS = Wanted("lightship status", AN_ADDRESS, frozenset(Kind) - {Kind.ADDRESS, Kind.MISSING})
AGAINST = STATUS._replace(command="--against")
PREDICT = Wanted(
    "lightship predict",
    "a model first, its folder or its address, such as models/dog or http://127.0.0.1:8501/v1/models/dog",
    FILES | {Kind.EMPTY, Kind.PHOTOS, Kind.STORE},
)
PHOTO = Wanted(
    "lightship predict",
    "photos after the model",
    frozenset(
        {
            Kind.EMPTY,
            Kind.ADDRESS,
            Kind.STORE,
            Kind.KERAS,
            Kind.GRAPH,
            Kind.VERSION,
            Kind.SAVED_MODEL,
            Kind.MODEL,
            Kind.MODELS,
        }
    ),
)
COMPARE = PREDICT._replace(
    command="lightship compare",
    expected="two models, each a folder or an address, such as models/dog/1 or http://127.0.0.1:8501/v1/models/dog",
)
BENCH = PREDICT._replace(
    command="lightship bench",
    expected="a model, its address or its folder, such as http://127.0.0.1:8501/v1/models/dog or models/dog",
)
EXPLAIN = PREDICT._replace(command="lightship explain")
EXPLAIN_PHOTO = PHOTO._replace(command="lightship explain")
CHECKED_PHOTOS = PHOTO._replace(
    command="--check", expected="a folder of photos", wrong=frozenset(PHOTO.wrong) | {Kind.PHOTO, Kind.MISSING}
)
SIFT = Wanted(
    "lightship sift",
    "a folder of photos",
    FILES
    | {Kind.EMPTY, Kind.ADDRESS, Kind.STORE, Kind.VERSION, Kind.SAVED_MODEL, Kind.MODEL, Kind.MODELS, Kind.MISSING},
)
SIFT_MODEL = INSPECT._replace(command="--model", wrong=frozenset(INSPECT.wrong) | {Kind.MISSING})
COMPARED_PHOTOS = PHOTO._replace(
    command="--on",
    expected="photos, in a folder for each class or listed in a CSV file",
    wrong=frozenset(PHOTO.wrong) | {Kind.PHOTO, Kind.MISSING},
)
SOURCE = Wanted(
    "lightship export",
    "a trained model, which is a .keras or .h5 file or the folder of a SavedModel",
    frozenset(
        {
            Kind.EMPTY,
            Kind.ADDRESS,
            Kind.STORE,
            Kind.PHOTO,
            Kind.PHOTOS,
            Kind.CLASSES,
            Kind.GRAPH,
            Kind.FILE,
            Kind.MISSING,
        }
    ),
)
TARGET = Wanted(
    "lightship export",
    "the model's own folder to write a version into, such as models/dog",
    NOT_A_FOLDER | {Kind.VERSION, Kind.MODELS},
)
TRAIN_TARGET = TARGET._replace(command="lightship train")
TRAINED_PHOTOS = Wanted(
    "lightship train",
    "photos, in a folder for each class or in a CSV file",
    frozenset(
        {
            Kind.EMPTY,
            Kind.ADDRESS,
            Kind.STORE,
            Kind.PHOTO,
            Kind.KERAS,
            Kind.GRAPH,
            Kind.VERSION,
            Kind.SAVED_MODEL,
            Kind.MODEL,
        }
    )
    | {Kind.MODELS, Kind.MISSING},
)
COMMAND = Wanted("lightship", "a command first", frozenset(Kind) - {Kind.EMPTY, Kind.MISSING})


def check_argument(text: str, wanted: Wanted) -> None:
    """Raises InvalidArgument or NotFound, with advice, if an argument is certainly wrong."""
    kind = kind_of(text)
    if kind is Kind.MISSING and (kind in wanted.wrong or text.lower().endswith(FILE_SUFFIXES)):
        if kind_of_name(text) in wanted.wrong:
            raise NotFound(f"{text} does not exist, and {wanted.command} needs {wanted.expected}")
        raise NotFound(f"{text} does not exist: check the name")
    if kind in wanted.wrong:
        raise InvalidArgument(explain_argument(text, kind, wanted))


def check_target(text: str, wanted: Wanted = TARGET) -> None:
    """Raises like `check_argument` for a folder to write into, and for what looks like a version of a model."""
    check_argument(text, wanted)
    path = Path(text)
    if version_number(path.resolve().name) is not None and kind_of(text) is not Kind.MODEL:
        raise InvalidArgument(
            f"{text} looks like a version of a model, but {wanted.command} needs {wanted.expected}: give "
            f"{quote(str(path.parent))}, with --version {path.resolve().name} to choose the number"
        )


def explain_argument(text: str, kind: Kind, wanted: Wanted) -> str:
    """Returns what was given, what is expected, and what to do."""
    shown = redacted(text) if kind is Kind.STORE else text
    remedy = _remedy(shown, kind, wanted)
    given = "an argument is empty" if kind is Kind.EMPTY else f"{shown} is {kind.value}"
    return f"{given}, but {wanted.command} needs {wanted.expected}{f': {remedy}' if remedy else ''}"


def _remedy(text: str, kind: Kind, wanted: Wanted) -> str:
    special = _SPECIAL.get((wanted, kind))
    general = _GENERAL.get(kind)
    chosen = special or general
    return chosen(text) if chosen else ""


def _shown(text: str) -> str:
    return f"lightship inspect {quote(text)} shows it, and lightship serve {quote(_parent_of_version(text))} serves it"


def _parent_of_version(text: str) -> str:
    """Returns the model's folder for a version folder, and any other folder unchanged."""
    return str(Path(text).parent) if kind_of(text) is Kind.VERSION else text


def _one_of(text: str) -> str:
    """Returns the path of one of the models in a folder."""
    names = sorted(name for name in os.listdir(text) if kind_of(os.path.join(text, name)) is Kind.MODEL)
    return quote(os.path.join(text, names[0]))


def _export(text: str) -> str:
    return f"export it first with {export_command(text)}"


def _from_url(text: str) -> str:
    return f"save the photo in a file first, and give that: curl -o photo.jpg {quote(text)}"


_GENERAL: Mapping[Kind, Callable[[str], str]] = {
    Kind.ADDRESS: lambda text: f"lightship status {quote(text)} shows what a server serves",
    Kind.STORE: lambda text: f"lightship serve {quote(text)} serves it",
    Kind.PHOTO: lambda text: f"lightship predict MODEL {quote(text)} classifies it",
    Kind.PHOTOS: lambda text: f"lightship predict MODEL {quote(text)} classifies them",
    Kind.KERAS: _export,
    Kind.CLASSES: lambda text: f"class names are for an export: lightship export MODEL FOLDER --classes {quote(text)}",
    Kind.GRAPH: lambda text: f"give its folder, {quote(str(Path(text).parent))}",
    Kind.VERSION: _shown,
    Kind.SAVED_MODEL: lambda text: f"lightship export {quote(text)} FOLDER makes a version of it in a model's folder",
    Kind.MODEL: _shown,
    Kind.MODELS: lambda text: f"lightship inspect {_one_of(text)} shows one of them",
}
_SPECIAL: Mapping[tuple[Wanted, Kind], Callable[[str], str]] = {
    (PHOTO, Kind.ADDRESS): _from_url,
    (EXPLAIN_PHOTO, Kind.ADDRESS): _from_url,
    **{
        (wanted, kind): lambda text: "give the model once, before the photos"
        for wanted in (PHOTO, EXPLAIN_PHOTO)
        for kind in (Kind.KERAS, Kind.VERSION, Kind.SAVED_MODEL, Kind.MODEL, Kind.MODELS)
    },
    **{
        (EXPLAIN, kind): lambda text: f"lightship explain MODEL {quote(text)} explains it"
        for kind in (Kind.PHOTO, Kind.PHOTOS)
    },
    **{
        (wanted, Kind.PHOTO): lambda text: f"give its folder, {quote(str(Path(text).parent))}"
        for wanted in (CHECKED_PHOTOS, COMPARED_PHOTOS, SIFT)
    },
    **{
        (SIFT, kind): lambda text: f"give a folder of photos, and the model as --model {quote(text)}"
        for kind in (Kind.VERSION, Kind.SAVED_MODEL, Kind.MODEL)
    },
    **{
        (COMPARE, kind): lambda text: f"give the photos with --on: lightship compare MODEL MODEL --on {quote(text)}"
        for kind in (Kind.PHOTO, Kind.PHOTOS)
    },
    **{
        (COMPARED_PHOTOS, kind): lambda text: "give both models as arguments: lightship compare MODEL MODEL --on PHOTOS"
        for kind in (Kind.KERAS, Kind.VERSION, Kind.SAVED_MODEL, Kind.MODEL, Kind.MODELS, Kind.ADDRESS)
    },
    **{
        (CHECKED_PHOTOS, kind): lambda text: "give the model as the argument: lightship explain --check FOLDER MODEL"
        for kind in (Kind.KERAS, Kind.VERSION, Kind.SAVED_MODEL, Kind.MODEL, Kind.MODELS, Kind.ADDRESS)
    },
    **{
        (wanted, kind): lambda text: f"write http://{text} for a host of this name"
        for wanted in (STATUS, AGAINST)
        for kind in (Kind.FILE, Kind.FOLDER)
    },
    (TARGET, Kind.KERAS): lambda text: f"give it first: lightship export {quote(text)} FOLDER",
    (TARGET, Kind.GRAPH): lambda text: (
        f"give its folder first: lightship export {quote(str(Path(text).parent))} FOLDER"
    ),
    (TARGET, Kind.VERSION): lambda text: (
        f"give {quote(str(Path(text).parent))}, with --version {Path(text).resolve().name} --overwrite to replace it"
    ),
    **{
        (wanted, Kind.MODELS): lambda text: f"give a folder in it, such as {quote(os.path.join(text, 'NAME'))}"
        for wanted in (TARGET, TRAIN_TARGET)
    },
    (TRAIN_TARGET, Kind.VERSION): lambda text: (
        f"give {quote(str(Path(text).parent))}, where the next free version is written"
    ),
    (TRAINED_PHOTOS, Kind.PHOTO): lambda text: "give the folder with the folders of all classes",
    (TRAINED_PHOTOS, Kind.KERAS): lambda text: f"a model to begin with is given as --base {quote(text)}",
    (TRAINED_PHOTOS, Kind.VERSION): lambda text: f"a model to begin with is given as --base {quote(text)}",
    (TRAINED_PHOTOS, Kind.MODEL): lambda text: f"the model's folder is given as --output {quote(text)}",
    (COMMAND, Kind.FOLDER): lambda text: "lightship --help lists the commands",
    (COMMAND, Kind.FILE): lambda text: "lightship --help lists the commands",
}
