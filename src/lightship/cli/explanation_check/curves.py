"""How the score of a class falls while the parts that its map names are hidden, and rises while they are shown.

These are the deletion and insertion curves of arXiv 1806.07421.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lightship.client.masked_images import MaskedImages
from lightship.images.fit import WHOLE, Region

Floats = NDArray[np.float32]
Curve = NDArray[np.float64]

STEPS = 24  # of a curve; each hides or shows as many pixels

# Returns the scores [N, classes] of masked images; the second argument says whether what is hidden is blurred.
Scores = Callable[[Floats, bool], Floats]


def curves(
    images: MaskedImages, scores: Scores, column: int, maps: Sequence[Floats], *, insertion: bool
) -> list[Curve]:
    """Returns the curve of each map: the scores of a class after 0, 1, ..., `STEPS` steps.

    Deletion makes the pixels black, those with the largest numbers in the map first. Insertion begins with an image
    without details, and shows the pixels in the same order.
    """
    ends = np.zeros((2, *images.size), np.float32)
    ends[1 if insertion else 0] = 1
    first, last = scores(ends, insertion)[:, column].tolist()
    found = []
    for map in maps:
        inner = scores(_masks(map, insertion), insertion)[:, column]
        found.append(np.array([first, *inner.tolist(), last], np.float64))
    return found


def area(curve: Curve) -> float:
    """Returns the area under a curve whose steps together are 1 wide."""
    return float((curve[1:] + curve[:-1]).mean() / 2)


def enlarged(map: Floats, map_region: Region | None, images: MaskedImages) -> Floats:
    """Returns a map in the size of the images' masks, by bilinear interpolation.

    What lies outside of the part of the photo that the map covers gets less than the least number.
    """
    covered = images.region or map_region or WHOLE
    left, top, right, bottom = map_region or covered
    height, width = images.size
    rows, inside_rows = _weights(_positions(covered[1], covered[3], height), top, bottom, map.shape[0])
    columns, inside_columns = _weights(_positions(covered[0], covered[2], width), left, right, map.shape[1])
    found = (rows @ map.astype(np.float32) @ columns.T).astype(np.float32)
    inside = inside_rows[:, np.newaxis] & inside_columns
    found[~inside] = found.min() - 1
    return found


def rank_correlation(one: Floats, other: Floats) -> float:
    """Returns Spearman's rank correlation of two maps of the same shape, from -1 to 1; 0 if one of them is constant."""
    first, second = _ranks(one), _ranks(other)
    spread = float(first.std() * second.std())
    return float(((first - first.mean()) * (second - second.mean())).mean()) / spread if spread else 0.0


def _masks(map: Floats, insertion: bool) -> Floats:
    """Returns the masks of the steps between the first and the last."""
    order = np.argsort(-map, axis=None, kind="stable")
    ranks = np.empty(order.size, np.int64)
    ranks[order] = np.arange(order.size)
    reached = np.array([round(order.size * step / STEPS) for step in range(1, STEPS)])
    taken = ranks.reshape(map.shape) < reached[:, np.newaxis, np.newaxis]
    return (taken if insertion else ~taken).astype(np.float32)


def _positions(low: float, high: float, count: int) -> NDArray[np.float64]:
    """Returns where the centres of `count` pixels are between two edges."""
    return low + (high - low) * (np.arange(count) + 0.5) / count


def _weights(positions: NDArray[np.float64], low: float, high: float, cells: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the weight of each of `cells` cells between two edges for each position, and which lie between them."""
    at = (positions - low) / (high - low) * cells - 0.5
    distances = np.abs(np.clip(at, 0, cells - 1)[:, np.newaxis] - np.arange(cells))
    return np.maximum(0, 1 - distances).astype(np.float32), (at >= -0.5) & (at <= cells - 0.5)


def _ranks(map: Floats) -> NDArray[np.float64]:
    """Returns the rank of each number; equal numbers share the mean of their ranks."""
    _, inverse, counts = np.unique(map.reshape(-1), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse.reshape(-1)]
