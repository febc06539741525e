"""Explains the photos of `lightship explain`, and prints and writes the results in their order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lightship.cli.advice import EXPLAIN_PHOTO
from lightship.cli.explain_output import Answer, Format, Output
from lightship.cli.failures import explain as error_line
from lightship.cli.failures import print_error
from lightship.cli.photos import named_photos
from lightship.client.rise import Rise
from lightship.errors import DeadlineExceeded, LightshipError, Unavailable

if TYPE_CHECKING:
    from lightship.cli.explained_model import ExplainedModel
    from lightship.client import Tls


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to explain."""

    photos: Sequence[str]
    # Labels or indices; None for the best class.
    classes: Sequence[str | None]
    method: str | Rise | None
    concurrency: int


@dataclass(frozen=True, slots=True)
class _Job:
    photo: str
    data: bytes
    class_: str | None


def explain_photos(
    target: str, wanted: Wanted, format: Format, timeout: float, bundle: str | None, trusted: Tls | None
) -> int:
    """Returns the exit code: 1 if a photo could not be explained. Raises if the server is not available."""
    from lightship.cli.explained_model import explained_model
    from lightship.client.address import is_address

    output, failed = Output(format, wanted.photos, wanted.classes), False
    with (
        explained_model(target, timeout, bundle, trusted) as model,
        closing(_answers(model, wanted, is_local=not is_address(target))) as answers,
    ):
        for answer in answers:
            try:
                if isinstance(answer, LightshipError):
                    raise answer
                output.show(answer)
            except LightshipError as error:
                print_error(as_options(error_line(error)))
                failed = True
    return 1 if failed else 0


def as_options(message: str) -> str:
    """Returns a message of the client with the options of the command line."""
    for python, option in (
        ("method='rise'", "--method rise"),
        ("give the client labels=[...] or bundle=", "give --bundle FOLDER"),
        ("class_ is", "--class is"),
        ("timeout=", "--timeout"),
    ):
        message = message.replace(python, option)
    return message


def _answers(
    model: ExplainedModel, wanted: Wanted, *, is_local: bool
) -> Generator[Answer | LightshipError, None, None]:
    """Yields what became of each photo and class, in their order."""
    from lightship.client.parallel import in_order

    def answer(job: _Job | LightshipError) -> Answer | LightshipError:
        if isinstance(job, LightshipError):
            return job
        try:
            with _shown_progress(wanted.method, job.photo) as method:
                return Answer(job.photo, job.class_, model.explain(job.data, job.class_, method))
        except (Unavailable, DeadlineExceeded):
            raise
        except LightshipError as error:
            return type(error)(f"{job.photo}: {error.message}")

    jobs = _jobs(wanted)
    if isinstance(wanted.method, Rise):  # one after the other, each with a progress bar
        yield from map(answer, jobs)
    else:  # a process that ends while the engine runs in a thread is aborted
        yield from in_order(answer, jobs, wanted.concurrency, always_finish=is_local)


def _jobs(wanted: Wanted) -> Iterator[_Job | LightshipError]:
    for photo in named_photos(wanted.photos, EXPLAIN_PHOTO):
        if isinstance(photo, LightshipError):
            yield photo
            continue
        try:
            data = photo.read()
        except LightshipError as error:
            yield error
            continue
        for class_ in wanted.classes:
            yield _Job(photo.name, data, class_)


@contextmanager
def _shown_progress(method: str | Rise | None, photo: str) -> Iterator[str | Rise | None]:
    """Shows a bar while RISE explains a photo, and yields the method that moves it."""
    if not isinstance(method, Rise):
        yield method
        return
    with progress_bar(photo, method.masks) as update:
        yield replace(method, progress=lambda done, total: update(done))


@contextmanager
def progress_bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows a bar on standard error, if that is a terminal, and yields what moves it to a number of `total`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lightship.printable import printable

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(printable(text), total=total)
        yield lambda done: progress.update(task, completed=done)
