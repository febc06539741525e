"""Writes metrics in Prometheus's text format, byte for byte as TensorFlow Serving does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple


class Family(NamedTuple):
    """A metric with all its samples."""

    # TensorFlow's name of the metric, with slashes.
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    # The lines of the page.
    samples: list[str]
    # What it tells, in one line. TensorFlow Serving's metrics have none.
    text: str = ""


def exposed_name(name: str) -> str:
    """Converts a name for the page: `/tensorflow/serving/request_count` -> `:tensorflow:serving:request_count`."""
    plain = re.sub(r"[^a-zA-Z0-9_]", ":", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def counter(name: str, counts: Iterable[tuple[Mapping[str, str], int]]) -> Family:
    """Returns a counter with a sample for each set of labels. Integers are not rounded."""
    return Family(name, "counter", _scalar_samples(name, counts))


def gauge(name: str, values: Iterable[tuple[Mapping[str, str], int]]) -> Family:
    """Returns a gauge with a sample for each set of labels."""
    return Family(name, "gauge", _scalar_samples(name, values))


def histogram_samples(
    name: str,
    labels: Mapping[str, str],
    limits: Sequence[str],
    buckets: Sequence[int],
    total: float,
    text_of: Callable[[float], str] = "{:g}".format,
) -> list[str]:
    """Returns the lines of cumulative buckets, sum and count.

    `limits` holds the texts of the buckets' limits, except for the last bucket, which has no limit. `text_of` writes
    the sum, by default as TensorFlow Serving does.
    """
    exposed, text = exposed_name(name), _labels(labels)
    separated = f"{text}," if text else ""
    seen = list(accumulate(buckets))
    lines = [
        f'{exposed}_bucket{{{separated}le="{limit}"}} {count}'
        for limit, count in zip([*limits, "+Inf"], seen, strict=True)
    ]
    return [*lines, f"{exposed}_sum{{{text}}} {text_of(total)}", f"{exposed}_count{{{text}}} {seen[-1]}"]


def scalar_sample(name: str, labels: Mapping[str, str], value: float) -> str:
    """Returns the line of one value, which is not rounded."""
    return f"{exposed_name(name)}{{{_labels(labels)}}} {value}"


def metrics_text(families: Iterable[Family]) -> bytes:
    """Writes families sorted by name. Each has a TYPE line, even without samples."""
    lines = []
    for exposed, family in sorted((exposed_name(family.name), family) for family in families):
        if family.text:
            lines.append(f"# HELP {exposed} {family.text}")
        lines += [f"# TYPE {exposed} {family.kind}", *family.samples]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _scalar_samples(name: str, values: Iterable[tuple[Mapping[str, str], int]]) -> list[str]:
    return [scalar_sample(name, labels, value) for labels, value in values]


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{re.sub("[^a-zA-Z0-9]", "_", name)}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    """Escapes a label value. TensorFlow Serving does not escape line breaks, and no reader can parse them."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
