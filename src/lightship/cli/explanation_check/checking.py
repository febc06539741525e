"""Measures explanations: against random maps, and against copies of the model with random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lightship.cli.explanation_check.curves import (
    STEPS,
    Curve,
    Scores,
    area,
    curves,
    enlarged,
    rank_correlation,
)
from lightship.cli.explanation_check.results import CheckResult, Comparison, PhotoResult, WeightsResult
from lightship.cli.explanation_check.weights import randomized_models, why_not_randomized
from lightship.client.class_choice import ClassChoice

if TYPE_CHECKING:
    from lightship.cli.explained_model import ExplainedModel
    from lightship.client import Explanation, Rise
    from lightship.client.masked_images import MaskedImages

Floats = NDArray[np.float32]
_MAX_CELLS = 14  # along an axis of a random map; the layers of classifiers that are explained have 5 to 14


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What to measure."""

    method: str | Rise | None
    # The class to explain in each photo; None for the best.
    class_: ClassChoice
    # How many random maps each explanation is compared with.
    random_maps: int
    # How many copies of the model get random weights; 0 leaves this part out.
    copies: int
    # By how much the areas must differ from those of the random maps, on the mean of all photos.
    margin: float
    # Of the random maps and weights.
    seed: int


@dataclass(frozen=True, slots=True)
class NamedBytes:
    """A photo and the name to report it by."""

    name: str
    data: bytes


def check_explanations(
    model: ExplainedModel, photos: Sequence[NamedBytes], options: CheckOptions, advance: Callable[[int], None]
) -> CheckResult:
    """Measures the explanations of all photos.

    advance: is called with how many of the parts that `parts_of` counts are done. Raises the errors of
    `Client.explain_image`.
    """
    explanations: list[Explanation] = []
    results = []
    for number, photo in enumerate(photos):
        shown = model.explain(photo.data, options.class_, options.method)
        explanations.append(shown)
        results.append(_measured(model, photo, shown, options, options.seed + number, advance))
    weights = _weights(model, photos, explanations, options, advance)
    first = explanations[0]
    return CheckResult(first.model, first.version, first.method, options.margin, tuple(results), weights)


def parts_of(photos: int, options: CheckOptions) -> int:
    """Returns how many parts a check has, to show its progress."""
    return photos * (2 * (options.random_maps + 1) + options.copies)


def _measured(
    model: ExplainedModel,
    photo: NamedBytes,
    shown: Explanation,
    options: CheckOptions,
    seed: int,
    advance: Callable[[int], None],
) -> PhotoResult:
    images = model.masked(photo.data)

    def scores(masks: Floats, blurred: bool) -> Floats:
        parts = []
        for start in range(0, len(masks), images.rows):
            some = masks[start : start + images.rows]
            outputs = model.ask(images.signature, images.inputs(some, blurred=blurred))
            parts.append(images.scores(outputs, len(some)))
        if len(masks) > 2:
            advance(1)
        return np.concatenate(parts)

    column = _column(images, shown, scores)
    drawn = np.random.default_rng(seed)
    size = tuple(min(side, _MAX_CELLS) for side in shown.map.shape)
    maps = [shown.map, *(drawn.random(size).astype(np.float32) for _ in range(options.random_maps))]
    large = [enlarged(one, shown.region, images) for one in maps]
    deletion, insertion = (_comparison(curves(images, scores, column, large, insertion=way)) for way in (False, True))
    return PhotoResult(photo.name, shown.label or f"class {shown.class_index}", shown.score, deletion, insertion)


def _column(images: MaskedImages, shown: Explanation, scores: Scores) -> int:
    """Returns the column of the explained class in the scores."""
    whole = scores(np.ones((1, *images.size), np.float32), False)
    known = images.name(0)[1] is not None and shown.class_index is not None
    return images.column(shown.class_index if known else shown.label, whole)


def _comparison(found: Sequence[Curve]) -> Comparison:
    curve, *random = found
    return Comparison(curve, np.array(random).reshape(-1, STEPS + 1), area(curve), tuple(map(area, random)))


def _weights(
    model: ExplainedModel,
    photos: Sequence[NamedBytes],
    explanations: Sequence[Explanation],
    options: CheckOptions,
    advance: Callable[[int], None],
) -> WeightsResult:
    reason = why_not_randomized(model.folder) if options.copies else "it was left out"
    if reason or model.folder is None:
        advance(options.copies * len(photos))
        return WeightsResult((), reason)
    found = []
    for copy in randomized_models(model.folder, options.copies, options.seed):
        for photo, shown in zip(photos, explanations, strict=True):
            other = copy.explain(photo.data, shown.class_index, options.method)
            found.append(rank_correlation(shown.map, other.map))
            advance(1)
    return WeightsResult(tuple(found))
