"""The wrong answers of which the model was most certain, with their photos."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightship.datasets.photo import LabelledPhoto
from lightship.errors import LightshipError
from lightship.evaluation.figures import without_nan
from lightship.evaluation.page import (
    Markup,
    PhotoCard,
    count,
    figure,
    joined,
    percent,
    photo_cards,
    read_thumbnail,
    tag,
    thumbnail,
)
from lightship.evaluation.report.content import ReportContent
from lightship.evaluation.report.paths import PathNames
from lightship.printable import printable

MAX_MISTAKES = 24  # photos in a report, each with its heat map

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Mistake:
    photo: LabelledPhoto
    # The index of the class that was answered.
    answer: int
    # The probabilities of the answer and of the label.
    confidence: float
    of_label: float


def mistakes(content: ReportContent) -> Markup:
    """Returns the wrong answers, the most confident first, at most `MAX_MISTAKES`."""
    if not content.photos:
        return tag("p", "There are no validation photos.")
    wrong = _wrong_answers(content)
    if not wrong:
        return tag("p", f"None: all {count(len(content.photos))} validation photos were answered correctly.")
    names = PathNames.of(content)
    cards = (_card(content, names, rank, mistake) for rank, mistake in enumerate(wrong[:MAX_MISTAKES]))
    return joined((_introduction(content, len(wrong)), photo_cards(cards)))


def _wrong_answers(content: ReportContent) -> list[_Mistake]:
    probabilities, truth = without_nan(content.probabilities), content.truth()
    answers, confidences = probabilities.argmax(1), probabilities.max(1)
    return [
        _Mistake(
            content.photos[index], int(answers[index]), float(confidences[index]), float(probabilities[index, label])
        )
        for index in np.argsort(-confidences, kind="stable")
        if answers[index] != (label := truth[index])
    ]


def _introduction(content: ReportContent, wrong: int) -> Markup:
    which = f" These are the {MAX_MISTAKES} of which the model was most certain." if wrong > MAX_MISTAKES else ""
    heat = "" if content.heat_map is None else " The heat map shows which parts of the photo led to the wrong answer."
    return tag(
        "p",
        figure("mistakes", wrong, count(wrong)),
        f" of {count(len(content.photos))} validation photos got a wrong answer.{which}{heat}",
        class_="quiet",
    )


def _card(content: ReportContent, names: PathNames, rank: int, mistake: _Mistake) -> PhotoCard:
    path, answer = names.shown(mistake.photo.path), content.classes[mistake.answer]
    pictures = [(read_thumbnail(mistake.photo.path), f"photo {path}")]
    if content.heat_map is not None:
        heat = _heat_map(content.heat_map, mistake.photo.path, mistake.answer)
        pictures.append((heat, f"heat map of {path} for {answer}"))
    confidence = figure(f"mistake.{rank}.confidence", mistake.confidence, percent(mistake.confidence))
    of_label = figure(f"mistake.{rank}.label", mistake.of_label, percent(mistake.of_label))
    lines = (
        joined(("Answered ", tag("strong", answer), " with ", confidence)),
        joined(("Labelled ", tag("strong", mistake.photo.label), ", which has ", of_label)),
        tag("span", path, class_="quiet"),
    )
    return PhotoCard(pictures, lines)


def _heat_map(heat_map: Callable[[Path, int], bytes | None], path: Path, answer: int) -> str | None:
    """Returns a small copy of a heat map. One that fails must not cost the user the report of a long training."""
    try:
        data = heat_map(path, answer)
        return None if data is None else thumbnail(data)
    except LightshipError as error:
        _log.warning("no heat map of %s: %s", printable(str(path)), printable(error.message))
    except Exception:
        _log.warning("no heat map of %s", printable(str(path)), exc_info=True)
    return None
