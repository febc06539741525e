"""Asks both models about the same photos, in batches, so that few photos are in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightship.cli.comparing.sides import Side
from lightship.datasets import SkippedPhoto
from lightship.datasets.reading import MAX_PHOTO_BYTES
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError
from lightship.evaluation.comparison.side_answers import AnswerTable, SideAnswers
from lightship.files import read_regular

BATCH_PHOTOS, BATCH_BYTES = 32, 64 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers of both models."""

    a: SideAnswers
    b: SideAnswers
    # The indices of the photos that both models were asked about, in the order of the answers.
    asked: tuple[int, ...]
    unreadable: tuple[SkippedPhoto, ...]


@dataclass(frozen=True, slots=True)
class _Batch:
    indices: list[int]
    photos: list[bytes]


def ask_both(
    photos: Sequence[Path],
    a: Side,
    b: Side,
    check_classes: Callable[[set[str]], None],
    advance: Callable[[int], None],
) -> Asked:
    """Asks both models about all photos.

    check_classes: is called once the classes of both models are known, as early as possible, and may raise an error.
    advance: is called with the number of photos that are done.

    Raises InvalidArgument if no photo can be read, FailedPrecondition if a model refuses every photo, and the errors of
    `Side.classify`.
    """
    unreadable: list[SkippedPhoto] = []
    asked: list[int] = []
    sides = [(side, AnswerTable(side.name, side.classes)) for side in (a, b)]
    checked = False
    for batch in _batches(photos, unreadable):
        if not checked and all(table.classes for _, table in sides):
            check_classes({*sides[0][1].classes, *sides[1][1].classes})
            checked = True
        for side, table in sides:
            _ask(side, table, batch.photos)
        asked += batch.indices
        advance(len(asked) + len(unreadable))
    if not asked:
        raise InvalidArgument(_nothing_read(unreadable))
    answers_of_a, answers_of_b = (table.table() for _, table in sides)
    for one in (answers_of_a, answers_of_b):
        if not one.answered.any():
            raise FailedPrecondition(f"{one.name} refuses all {len(asked)} photos, the first with: {one.refusals[0]}")
    return Asked(answers_of_a, answers_of_b, tuple(asked), tuple(unreadable))


def _ask(side: Side, table: AnswerTable, photos: Sequence[bytes]) -> None:
    for answer in side.classify(photos):
        if isinstance(answer, LightshipError):
            table.refuse(answer.message)
        else:
            table.add(answer.labels, answer.scores)


def _batches(photos: Sequence[Path], unreadable: list[SkippedPhoto]) -> Iterator[_Batch]:
    """Yields the photos in batches, and adds those that cannot be read to a list."""
    batch, size = _Batch([], []), 0
    for index, path in enumerate(photos):
        try:
            data = read_regular(path, MAX_PHOTO_BYTES)
        except LightshipError as error:
            unreadable.append(SkippedPhoto(path, error.message))
            continue
        batch.indices.append(index)
        batch.photos.append(data)
        size += len(data)
        if len(batch.photos) == BATCH_PHOTOS or size >= BATCH_BYTES:
            yield batch
            batch, size = _Batch([], []), 0
    if batch.photos:
        yield batch


def _nothing_read(unreadable: Sequence[SkippedPhoto]) -> str:
    first = f": {unreadable[0].reason}" if unreadable else ""
    return f"none of the {len(unreadable)} photos can be read{first}"
