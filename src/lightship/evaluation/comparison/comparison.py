"""Compares what two models answer about the same photos."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from lightship.errors import InvalidArgument
from lightship.evaluation.comparison.side_answers import Answer, SideAnswers, normalized
from lightship.evaluation.comparison.side_figures import SideFigures, side_figures

_NAMED = 5  # labels in an error


class Outcome(StrEnum):
    """What a changed answer means for a photo whose label is known."""

    WORSE = "worse"
    """Only A is right."""

    BETTER = "better"
    """Only B is right."""

    NEITHER = "neither"
    """Both are wrong, in different ways."""

    UNKNOWN = "unknown"
    """The photo has no label."""


@dataclass(frozen=True, slots=True)
class ComparedPhoto:
    """A photo, and the best class that each model gave it."""

    path: Path
    # None in a comparison without labels.
    label: str | None
    # None if the model refused the photo.
    a: Answer | None
    b: Answer | None

    @property
    def is_changed(self) -> bool:
        return _label(self.a) != _label(self.b)

    @property
    def outcome(self) -> Outcome:
        """What it means if the answer is changed."""
        if self.label is None:
            return Outcome.UNKNOWN
        if self.label == _label(self.a):
            return Outcome.WORSE
        return Outcome.BETTER if self.label == _label(self.b) else Outcome.NEITHER


@dataclass(frozen=True, slots=True)
class RefusedPhoto:
    """A photo that a model refused, and why."""

    path: Path
    # The name of the model.
    side: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClassChange:
    """How the figures of a class differ between the two models."""

    label: str
    photos: int
    recall: tuple[float, float]
    # NaN for a model that gave no photo this class.
    precision: tuple[float, float]
    f1: tuple[float, float]

    @property
    def recall_change(self) -> float:
        return self.recall[1] - self.recall[0]

    @property
    def is_changed(self) -> bool:
        """Whether the recall or the precision differs."""
        return any(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in (self.recall, self.precision))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models, A and B, on the same photos. Make it with `compare_answers`."""

    a: SideAnswers
    b: SideAnswers
    # The photos that at least one model answered.
    photos: tuple[ComparedPhoto, ...]
    refused: tuple[RefusedPhoto, ...]
    # The number of photos that both models refused; they count for nothing.
    left_out: int
    # Labels that no model knows, with the number of their photos, which count for nothing.
    ignored: dict[str, int]
    # None in a comparison without labels.
    figures: tuple[SideFigures, SideFigures] | None

    @property
    def only_a(self) -> tuple[str, ...]:
        """The classes that only A knows, sorted."""
        return tuple(sorted(set(self.a.classes) - set(self.b.classes)))

    @property
    def only_b(self) -> tuple[str, ...]:
        """The classes that only B knows, sorted."""
        return tuple(sorted(set(self.b.classes) - set(self.a.classes)))

    @property
    def changed(self) -> tuple[ComparedPhoto, ...]:
        """The photos whose answer changed: first what became worse, then better, then the others.

        In each group those come first of whose new answer B is the surest.
        """
        order = list(Outcome)
        found = [photo for photo in self.photos if photo.is_changed]
        return tuple(sorted(found, key=lambda one: (order.index(one.outcome), -(one.b.score if one.b else math.inf))))

    @property
    def agreement(self) -> float:
        """The share of photos that both models give the same best class."""
        return sum(not photo.is_changed for photo in self.photos) / len(self.photos)

    def count(self, outcome: Outcome) -> int:
        """Returns the number of changed answers with this outcome."""
        return sum(photo.outcome is outcome for photo in self.photos if photo.is_changed)

    @property
    def p_value(self) -> float | None:
        """The p-value of McNemar's exact test on the photos that became worse and those that became better.

        None without labels.
        """
        return None if self.figures is None else mcnemar(self.count(Outcome.WORSE), self.count(Outcome.BETTER))

    @property
    def class_changes(self) -> tuple[ClassChange, ...]:
        """Each class that has photos, in the order of the labels; empty without labels."""
        if self.figures is None:
            return ()
        first, second = self.figures
        return tuple(
            ClassChange(a.label, a.support, (a.recall, b.recall), (a.precision, b.precision), (a.f1, b.f1))
            for a, b in zip(first.per_class, second.per_class, strict=True)
        )


def compare_answers(
    photos: Sequence[Path],
    labels: Sequence[str] | None,
    a: SideAnswers,
    b: SideAnswers,
    *,
    ignore_unknown: bool = False,
) -> Comparison:
    """Compares the answers of A and B.

    photos, labels: the paths of the photos and, unless None, their true labels, in the order of the answers.
    ignore_unknown: leave out the photos whose label neither model knows.

    A photo that one model refuses counts as a wrong answer of this model. One that both refuse is left out.

    Raises InvalidArgument if a label is unknown to both, or if no photo is left.
    """
    known = set(a.classes) | set(b.classes)
    names = None if labels is None else [normalized(label) for label in labels]
    ignored = {} if names is None else unknown_labels(names, known)
    if not ignore_unknown:
        check_labels(names or (), known)
    both = a.refusals.keys() & b.refusals.keys()
    kept = [index for index in range(len(photos)) if index not in both and (not names or names[index] in known)]
    if not kept:
        raise InvalidArgument(_nothing_left(photos, a, b, both))
    refused = [
        RefusedPhoto(photos[index], side.name, side.refusals[index])
        for index in sorted({*a.refusals, *b.refusals})
        for side in (a, b)
        if index in side.refusals
    ]
    left_a, left_b = a.take(kept), b.take(kept)
    left_labels = None if names is None else [names[index] for index in kept]
    compared = tuple(
        ComparedPhoto(
            photos[old], None if left_labels is None else left_labels[new], left_a.answer(new), left_b.answer(new)
        )
        for new, old in enumerate(kept)
    )
    figures = None if left_labels is None else (side_figures(left_labels, left_a), side_figures(left_labels, left_b))
    return Comparison(left_a, left_b, compared, tuple(refused), len(both), ignored, figures)


def unknown_labels(labels: Iterable[str], known: Collection[str]) -> dict[str, int]:
    """Returns the labels that no model knows, sorted, with the number of their photos."""
    counts = Counter(label for label in map(normalized, labels) if label not in known)
    return dict(sorted(counts.items()))


def check_labels(labels: Iterable[str], known: Collection[str]) -> None:
    """Raises InvalidArgument if no model knows some of the labels. It says which class was probably meant.

    known: the classes of both models.
    """
    unknown = unknown_labels(labels, known)
    if not unknown:
        return
    named = ", ".join(_with_meant(label, count, known) for label, count in list(unknown.items())[:_NAMED])
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    what = "this label" if len(unknown) == 1 else "these labels"
    raise InvalidArgument(
        f"neither model knows {what}: {named}{more}. Rename them as in the model's classes, or leave their photos out "
        "with --ignore-unknown"
    )


def mcnemar(worse: int, better: int) -> float:
    """Returns the p-value of McNemar's exact test, two-sided.

    If both models were equally good, each changed answer would be worse or better with a probability of one half.
    """
    total, smaller = worse + better, min(worse, better)
    if worse == better:
        return 1.0
    logs = (
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) - total * math.log(2)
        for k in range(smaller + 1)
    )
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def _label(answer: Answer | None) -> str | None:
    return None if answer is None else answer.label


def _with_meant(label: str, count: int, known: Collection[str]) -> str:
    folded = {name.casefold().replace("_", " "): name for name in sorted(known, reverse=True)}
    near = get_close_matches(label.casefold().replace("_", " "), folded, 1)
    photos = f"{count} photo{'s' if count > 1 else ''}"
    return f"{label!r} ({photos}{f'; did you mean {folded[near[0]]!r}?' if near else ''})"


def _nothing_left(photos: Sequence[Path], a: SideAnswers, b: SideAnswers, both: Collection[int]) -> str:
    if not photos:
        return "there are no photos to compare the models on"
    if not both:
        return "no photo is left: neither model knows any of the labels"
    first = min(both)
    return (
        f"both models refuse all photos; the first is {photos[first]}. {a.name}: {a.refusals[first]}. "
        f"{b.name}: {b.refusals[first]}"
    )
