"""Weights that let rare classes count as much as frequent ones."""

from __future__ import annotations

from collections.abc import Mapping


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Returns the weight of each class in the loss: n / (classes * count), so that all classes count the same.

    counts: the number of training photos of each class. A class without photos has the weight 0, and does not count
    as one.
    """
    classes, photos = sum(count > 0 for count in counts.values()), sum(counts.values())
    return {label: photos / (classes * count) if count else 0.0 for label, count in counts.items()}
