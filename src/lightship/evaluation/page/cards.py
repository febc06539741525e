"""Cards: the figures that a reader wants first, and photos with what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lightship.evaluation.page.markup import Markup, tag
from lightship.notebook import image


@dataclass(frozen=True, slots=True)
class PhotoCard:
    """A photo, as addresses of the scheme `data:` with their descriptions, and lines of text below it."""

    # None for a picture that could not be read.
    pictures: Sequence[tuple[str | None, str]]
    lines: Sequence[object]


def summary_cards(cards: Iterable[tuple[str, Markup, object]]) -> Markup:
    """Returns a row of large figures, each with its name above and a note below."""
    return tag("dl", *(_summary(*card) for card in cards), class_="summary")


def _summary(name: str, value: Markup, note: object) -> Markup:
    return tag("div", tag("dt", name), tag("dd", value, class_="large"), tag("dd", note, class_="quiet"))


def photo_cards(cards: Iterable[PhotoCard]) -> Markup:
    """Returns a grid of photos."""
    return tag("ul", *map(_photo_card, cards), class_="photos")


def _photo_card(card: PhotoCard) -> Markup:
    pictures = (tag("div", _picture(*picture), class_="frame") for picture in card.pictures)
    lines = (tag("p", line) for line in card.lines)
    return tag("li", tag("div", *pictures, class_="pictures"), tag("div", *lines, class_="told"))


def _picture(data: str | None, description: str) -> Markup:
    if data is None:
        return tag("p", f"No picture: {description}", class_="quiet")
    return image(data, description)


def facts(pairs: Iterable[tuple[object, object]]) -> Markup:
    """Returns a list of names with their values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts")
