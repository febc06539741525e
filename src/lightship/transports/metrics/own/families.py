"""Makes metric families with a text. Numbers are not rounded, because readers take differences of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lightship.transports.metrics.text import Family, histogram_samples, scalar_sample

# A sample: its labels and its value.
Sample = tuple[Mapping[str, str], float]


def own_counter(name: str, text: str, samples: Iterable[Sample]) -> Family:
    """Returns a counter, whose name ends in `_total`. `text` says what it counts, in one line."""
    return Family(name, "counter", [scalar_sample(name, *sample) for sample in samples], text)


def own_gauge(name: str, text: str, samples: Iterable[Sample]) -> Family:
    """Returns a gauge. `text` says what it tells, in one line."""
    return Family(name, "gauge", [scalar_sample(name, *sample) for sample in samples], text)


def own_histogram(
    name: str,
    text: str,
    limits: Sequence[float],
    samples: Iterable[tuple[Mapping[str, str], Sequence[int], float]],
) -> Family:
    """Returns a histogram. Each sample has its labels, the number of values in each bucket, and their sum.

    `limits`: those of the buckets, in ascending order, except for the last bucket, which has none.
    """
    limit_texts = [f"{limit:g}" for limit in limits]
    lines = [
        line
        for labels, buckets, total in samples
        for line in histogram_samples(name, labels, limit_texts, buckets, total, repr)
    ]
    return Family(name, "histogram", lines, text)
