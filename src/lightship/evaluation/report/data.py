"""The photos of a training: how many each part has, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator

from lightship.evaluation.page import Column, Markup, count, facts, figure, joined, table, tag
from lightship.evaluation.report.content import ReportContent
from lightship.evaluation.report.paths import PathNames

MAX_NAMED = 200  # unreadable photos, and rare classes, that a report names


def data(content: ReportContent) -> Markup:
    """Returns the numbers of photos and classes."""
    return facts(_facts(content))


def _facts(content: ReportContent) -> Iterator[tuple[str, Markup]]:
    counts = content.training_counts()
    training, validation = sum(counts), len(content.photos)
    most, fewest = counts.index(max(counts)), counts.index(min(counts))
    yield "Training photos", figure("training_photos", training, count(training))
    yield "Validation photos", figure("validation_photos", validation, count(validation))
    yield "Classes", figure("classes", len(counts), count(len(counts)))
    yield "Most training photos", _extreme(content, "most_training_photos", most)
    yield "Fewest training photos", _extreme(content, "fewest_training_photos", fewest)


def _extreme(content: ReportContent, name: str, index: int) -> Markup:
    photos = content.training_counts()[index]
    return joined((figure(name, photos, count(photos)), f" of {content.classes[index]}"))


def left_out(content: ReportContent) -> Markup:
    """Returns the photos that could not be read, and the classes with few photos."""
    return joined((_unreadable(content), _rare(content)))


def _unreadable(content: ReportContent) -> Markup:
    title = tag("h3", "Photos that cannot be read")
    number = len(content.unreadable)
    if not number:
        return joined((title, tag("p", "None: all photos could be read.")))
    names = PathNames.of(content)
    rows = [[names.shown(one.path), one.reason] for one in content.unreadable[:MAX_NAMED]]
    told = tag("p", figure("unreadable", number, count(number)), _photos(number), _first(number))
    listed = table("Photos that cannot be read", (Column("Photo"), Column("Reason")), rows)
    return joined((title, told, listed))


def _photos(number: int) -> str:
    return " photo was left out." if number == 1 else " photos were left out."


def _first(number: int) -> str:
    return f" The first {MAX_NAMED} are:" if number > MAX_NAMED else ""


def _rare(content: ReportContent) -> Markup:
    title = tag("h3", "Classes with few photos")
    number = len(content.rare)
    if not number:
        return joined((title, tag("p", "None: every class has enough photos.")))
    what = "was" if number == 1 else "were"
    fate = f"{what} kept, as requested" if content.rare_kept else f"{what} left out"
    word = "class" if number == 1 else "classes"
    without = ", except those without a photo" if content.rare_kept and 0 in content.rare.values() else ""
    told = tag("p", figure("rare", number, count(number)), f" {word} {fate}{without}.", _first(number))
    columns = (Column("Class"), Column("Photos", numeric=True))
    rows = (
        [label, figure(f"rare.{index}.photos", photos, count(photos))]
        for index, (label, photos) in enumerate(list(content.rare.items())[:MAX_NAMED])
    )
    return joined((title, told, table("Classes with few photos", columns, rows, sortable=True)))
