"""`lightship predict`: prints the labels of photos, computed by a server or in this process."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from lightship.cli import tls
from lightship.cli.failures import explain, print_error
from lightship.cli.output import add_row, print_json, print_styled
from lightship.cli.photos import named_photos
from lightship.client.arguments import DEFAULT_CONCURRENCY, MAX_CONCURRENCY
from lightship.errors import DeadlineExceeded, LightshipError, Unavailable
from lightship.printable import printable

if TYPE_CHECKING:
    from lightship.client import Classification, Tls


class Model(Protocol):
    """A model that classifies photos."""

    def classify(self, photo: bytes, top: int) -> Classification: ...


def predict(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model's URL, http://host:8501/v1/models/dog or grpc://host:8500/dog, optionally with /versions/3 "
            "or /labels/stable; or a model's folder, models/dog, to run it without a server.",
        ),
    ],
    photos: Annotated[list[str], typer.Argument(help="Image files, folders of images, or - for standard input.")],
    top: Annotated[int, typer.Option(min=1, envvar="LIGHTSHIP_TOP", help="The number of labels to print.")] = 5,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.001, envvar="LIGHTSHIP_TIMEOUT", help="Seconds to wait for the server's answer to each photo."
        ),
    ] = 30.0,
    concurrency: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_CONCURRENCY,
            envvar="LIGHTSHIP_CONCURRENCY",
            help="How many photos are sent, or with a folder run, at the same time.",
        ),
    ] = DEFAULT_CONCURRENCY,
    bundle: Annotated[
        str | None,
        typer.Option(
            envvar="LIGHTSHIP_BUNDLE",
            help="The exported version folder, to preprocess photos for a model that takes no encoded images.",
        ),
    ] = None,
    ca: tls.Ca = None,
    cert: tls.Certificate = None,
    key: tls.Key = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per photo.")] = False,
) -> None:
    """Classify photos: print the best labels and their scores.

    A photo that cannot be classified is reported on standard error; the others are still classified, and the exit
    code is 1.
    """
    from lightship.client.address import is_address

    failed = False
    with (
        _model(target, timeout, bundle, tls.tls_of(ca, cert, key)) as model,
        closing(_answers(model, photos, top, concurrency, is_local=not is_address(target))) as answers,
    ):
        for answer in answers:
            if isinstance(answer, LightshipError):
                print_error(explain(answer))
                failed = True
            else:
                (_print_json if json else _print_table)(answer)
    if failed:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Photo:
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    photo: str
    best: Classification


def _answers(
    model: Model, names: Iterable[str], top: int, concurrency: int, *, is_local: bool
) -> Generator[_Answer | LightshipError, None, None]:
    """Yields what became of each photo, in their order. Raises if the server is not available."""
    from lightship.client.parallel import in_order

    def answer(photo: _Photo | LightshipError) -> _Answer | LightshipError:
        if isinstance(photo, LightshipError):
            return photo
        try:
            return _Answer(photo.name, model.classify(photo.data, top))
        except (Unavailable, DeadlineExceeded):
            raise
        except LightshipError as error:
            return type(error)(f"{photo.name}: {error.message}")

    # A process that ends while the engine runs in a thread is aborted.
    yield from in_order(answer, _photos(names), concurrency, always_finish=is_local)


def _photos(names: Iterable[str]) -> Iterator[_Photo | LightshipError]:
    for photo in named_photos(names):
        if isinstance(photo, LightshipError):
            yield photo
            continue
        try:
            yield _Photo(photo.name, photo.read())
        except LightshipError as error:
            yield error


@contextmanager
def _model(target: str, timeout: float, bundle: str | None, trusted: Tls | None) -> Iterator[Model]:
    from lightship.client.address import is_address

    opened = _remote(target, timeout, bundle, trusted) if is_address(target) else _local(target)
    with opened as model:
        yield model


@contextmanager
def _remote(url: str, timeout: float, bundle: str | None, trusted: Tls | None) -> Iterator[Model]:
    from lightship.cli.server_address import model_address
    from lightship.client import Client

    address = model_address(url)

    class Remote:
        def classify(self, photo: bytes, top: int) -> Classification:
            return client.classify_image(
                str(address.model), photo, top=top, version=address.version, label=address.label
            )

    with Client(url, timeout=timeout, bundle=bundle, tls=trusted) as client:
        yield Remote()


@contextmanager
def _local(folder: str) -> Iterator[Model]:
    from lightship.cli.advice import PREDICT, check_argument
    from lightship.local import load

    check_argument(folder, PREDICT)

    class Local:
        def classify(self, photo: bytes, top: int) -> Classification:
            return loaded.classify_image(photo, top=top)

    with load(folder) as loaded:
        yield Local()


def _print_json(answer: _Answer) -> None:
    best = answer.best
    fields = {
        "photo": answer.photo,
        "labels": best.labels,
        "scores": best.scores,
        "model": best.model,
        "version": best.version,
    }
    print_json(fields)


def _print_table(answer: _Answer) -> None:
    from rich.table import Table

    print_styled(printable(answer.photo), style="bold")
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    for label, score in zip(answer.best.labels, answer.best.scores, strict=True):
        add_row(table, label, f"{score:.3f}")
    print_styled(table)
