"""RISE: explains any classifier by the scores of photos of which random parts are hidden (arXiv 1806.07421).

It needs predictions only, so it works for every model and server, and takes thousands of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import DEFAULT_MASKS, MAX_MASKS
from lightship.client.class_choice import ClassChoice, check_class
from lightship.client.explanations import Explanation
from lightship.client.flow import Flow
from lightship.errors import InvalidArgument

if TYPE_CHECKING:
    from lightship.client.masked_images import MaskedImages

Floats = NDArray[np.float32]
# Runs a signature on the images of one request, and returns its outputs.
Ask = Callable[[str, NDArray[Any]], Flow[Mapping[str, NDArray[Any]]]]

RISE = "rise"
MAX_CELLS = 64


@dataclass(frozen=True, slots=True)
class Rise:
    """The method "rise" of `explain_image`: random parts of the photo are hidden, again and again.

    The map is the mean score of the class while a pixel is visible. Raises InvalidArgument for values out of range.
    """

    masks: int = DEFAULT_MASKS
    """How many photos with hidden parts are predicted. More give a map with less noise."""

    seconds: float | None = None
    """No further request is sent after so many seconds, although masks are left; None for no limit."""

    seed: int = 0
    """Of the random masks. The same seed gives the same map."""

    cells: int = 7
    """The hidden parts are about as large as one of `cells` x `cells` cells of the photo."""

    keep: float = 0.5
    """The chance of a cell to stay visible."""

    progress: Callable[[int, int], None] | None = field(default=None, repr=False, compare=False)
    """Is called after each request with the number of masks that are done, and `masks`. In a thread, if an
    `AsyncClient` explains."""

    def __post_init__(self) -> None:
        _check_whole("masks", self.masks, 1, MAX_MASKS)
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        _check_whole("cells", self.cells, 2, MAX_CELLS)
        if not _is_number(self.keep) or not 0 < self.keep < 1:
            raise InvalidArgument(f"keep is {self.keep!r}; give the chance of a cell to stay visible, between 0 and 1")
        if self.seconds is not None and not (_is_number(self.seconds) and self.seconds > 0):
            raise InvalidArgument(f"seconds is {self.seconds!r}; give seconds above 0, or None for no limit")


def rise_of(method: str | Rise | None) -> Rise | None:
    """Returns the options if the method is RISE. Raises InvalidArgument for what is no method at all."""
    if method is None or isinstance(method, Rise):
        return method
    if not isinstance(method, str) or not method:
        raise InvalidArgument(f"method is {method!r}; give a name such as 'cam' or 'rise', or a Rise(...)")
    return Rise() if method.lower() == RISE else None


def explain_by_rise(
    images: MaskedImages, ask: Ask, class_: ClassChoice, rise: Rise, model: str, version: int | None
) -> Flow[Explanation]:
    """Explains a class, or for None the best one, by as many predictions as `rise` allows, and one more."""
    check_class(class_)

    def scores(masks: Floats) -> Flow[Floats]:
        outputs = yield from ask(images.signature, images.inputs(masks))
        return images.scores(outputs, len(masks))

    whole = yield from scores(np.ones((1, *images.size), np.float32))
    column = images.column(class_, whole)
    sums = _Sums(images.size, rise, images.rows)
    while (masks := sums.next_masks()) is not None:
        sums.add(masks, (yield from scores(masks))[:, column])
    label, index = images.name(column)
    return Explanation(
        label=label,
        class_index=index,
        score=float(whole[0, column]),
        logit=None,
        map=sums.map(),
        method=RISE,
        layer=None,
        model=model,
        version=version,
        region=images.region,
        photo=images.photo,
    )


class _Sums:
    """Makes the masks of one photo, and adds up what their scores show."""

    def __init__(self, size: tuple[int, int], rise: Rise, rows: int) -> None:
        self._size, self._rise, self._rows = size, rise, rows
        self._random = np.random.default_rng(rise.seed)
        self._weighted, self._visible = np.zeros(size), np.zeros(size)
        self._done, self._start = 0, time.monotonic()

    def next_masks(self) -> Floats | None:
        """The masks of the next request; None at the end of the budget, but there is always a first request."""
        left, seconds = self._rise.masks - self._done, self._rise.seconds
        is_late = seconds is not None and time.monotonic() - self._start >= seconds
        if left <= 0 or (is_late and self._done):
            return None
        return random_masks(self._random, min(left, self._rows), self._size, self._rise.cells, self._rise.keep)

    def add(self, masks: Floats, scores: Floats) -> None:
        self._weighted += np.tensordot(scores.astype(np.float64), masks.astype(np.float64), 1)
        self._visible += masks.sum(axis=0, dtype=np.float64)
        self._done += len(masks)
        if self._rise.progress is not None:
            self._rise.progress(self._done, self._rise.masks)

    def map(self) -> Floats:
        """The mean score by how visible a pixel was. One that never was has the least score of all."""
        seen = self._visible > 1e-6
        means = np.divide(self._weighted, self._visible, out=np.zeros(self._size), where=seen)
        means[~seen] = means[seen].min(initial=0.0)
        return means.astype(np.float32)


def random_masks(random: np.random.Generator, count: int, size: tuple[int, int], cells: int, keep: float) -> Floats:
    """Returns masks [count, height, width] from 0, hidden, to 1, visible.

    Each is a coarse random grid that is enlarged smoothly and shifted by less than a cell, as in the paper. One mask
    after the other takes its numbers from `random`, so that they do not depend on how many are made at a time.
    """
    points = cells + 2  # of the grid along each axis, so that a shifted one still covers the image
    drawn = random.random((count, points * points + 2))
    grids = (drawn[:, : points * points] < keep).reshape(count, points, points).astype(np.float32)
    rows, columns = (_weights(side, cells, shift) for side, shift in zip(size, drawn[:, -2:].T, strict=True))
    masks: Floats = np.matmul(np.matmul(rows, grids), columns.transpose(0, 2, 1))
    return masks


def _weights(side: int, cells: int, shifts: NDArray[np.float64]) -> Floats:
    """Returns the weights [count, side, cells + 2] of the points of a grid for each pixel along an axis.

    shifts: of each grid, as a fraction of a cell.
    """
    cell = math.ceil(side / cells)
    positions = (np.arange(side) + np.floor(shifts * cell)[:, np.newaxis]) / cell
    distances = np.abs(positions[..., np.newaxis] - np.arange(cells + 2))
    weights: Floats = np.maximum(0, 1 - distances).astype(np.float32)
    return weights


def _check_whole(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgument(f"{name} is {value!r}; give a whole number from {least} to {most}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
