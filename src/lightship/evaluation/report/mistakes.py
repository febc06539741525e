"""The wrong answers that the model was most sure of, with their photos."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

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

MAX_MISTAKES = 24  # photos in a report, each with its heat map

_log = logging.getLogger(__name__)


def mistakes(content: ReportContent) -> Markup:
    """Returns the wrong answers, the most confident first, at most `MAX_MISTAKES`."""
    if not content.photos:
        return tag("p", "There are no validation photos.")
    probabilities, truth = without_nan(content.probabilities), content.truth()
    answers, confidences = probabilities.argmax(1), probabilities.max(1)
    order = np.argsort(-confidences, kind="stable")
    wrong = [int(index) for index in order if answers[index] != truth[index]]
    if not wrong:
        return tag("p", f"None: all {count(len(truth))} validation photos were answered rightly.")
    names = PathNames.of(content)
    cards = [
        _card(
            content,
            names,
            rank,
            index,
            int(answers[index]),
            (float(confidences[index]), float(probabilities[index, truth[index]])),
        )
        for rank, index in enumerate(wrong[:MAX_MISTAKES])
    ]
    return joined((_introduction(content, len(wrong), len(cards)), photo_cards(cards)))


def _introduction(content: ReportContent, wrong: int, shown: int) -> Markup:
    number = figure("mistakes", wrong, count(wrong))
    which = "They are" if wrong == shown else f"Here are the {shown} most confident of them,"
    heat = "" if content.heat_map is None else " The heat map shows what spoke for the wrong answer."
    verb = "was" if wrong == 1 else "were"
    return tag(
        "p",
        number,
        f" of {count(len(content.photos))} validation photos {verb} answered wrongly. ",
        f"{which} sorted by confidence.{heat}",
        class_="quiet",
    )


def _card(
    content: ReportContent, names: PathNames, rank: int, index: int, answer: int, probabilities: tuple[float, float]
) -> PhotoCard:
    photo, name = content.photos[index], content.classes[answer]
    of_answer, of_label = probabilities
    pictures = [(read_thumbnail(photo.path), f"photo {names.shown(photo.path)}")]
    if content.heat_map is not None:
        pictures.append((_heat_map(content, photo.path, answer), f"heat map for {name}"))
    answered = tag(
        "p",
        "Answered ",
        tag("strong", name),
        " with ",
        figure(f"mistake.{rank}.confidence", of_answer, percent(of_answer)),
    )
    labelled = tag(
        "p",
        "Labelled ",
        tag("strong", photo.label),
        ", which has ",
        figure(f"mistake.{rank}.label", of_label, percent(of_label)),
    )
    return PhotoCard(pictures, (answered, labelled, tag("p", names.shown(photo.path), class_="quiet")))


def _heat_map(content: ReportContent, path: Path, answer: int) -> str | None:
    """Returns a small copy of a heat map. One that fails must not cost the user the report of a long training."""
    assert content.heat_map is not None
    try:
        data = content.heat_map(path, answer)
        return None if data is None else thumbnail(data)
    except LightshipError as error:
        _log.warning("no heat map of %s: %s", path, error.message)
    except Exception:
        _log.warning("no heat map of %s", path, exc_info=True)
    return None
