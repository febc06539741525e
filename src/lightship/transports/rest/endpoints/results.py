"""Writes the responses of `:classify` and `:regress`: `results`, with one result per example."""

from __future__ import annotations

from collections.abc import Iterator

from lightship.errors import InvalidArgument
from lightship.services import Classifications, Regressions
from lightship.transports.rest.reading.values import decoded, encoded
from lightship.transports.rest.writing.number_text import float_texts
from lightship.transports.rest.writing.text import quoted

_NO_LABEL, _NO_SCORE = '""', "0.0"


def classifications_document(result: Classifications) -> bytes:
    """Writes `{"results": [[[label, score], ...], ...]}`. Raises InvalidArgument if there is no result."""
    rows = list(_rows(result))
    if not rows:
        raise InvalidArgument("Cannot convert empty ClassificationResults to JSON")
    return encoded('{\n    "results": [' + ", ".join(rows) + "\n    ]\n}")


def regressions_document(result: Regressions) -> bytes:
    """Writes `{"results": [value, ...]}`, with the list on one line. Raises InvalidArgument if there is no result."""
    if not len(result.values):
        raise InvalidArgument("Cannot convert empty RegressionResults to JSON")
    return encoded('{\n    "results": [' + ", ".join(float_texts(result.values)) + "]\n}")


def _rows(result: Classifications) -> Iterator[str]:
    """Yields the text of each example. A Python string per number would take ten times the memory of its text."""
    if result.classes is None:
        for row in () if result.scores is None else result.scores:
            yield _row([_NO_LABEL] * len(row), float_texts(row))
        return
    quoted_labels = _QuotedLabels()
    for index, row in enumerate(result.classes):
        labels = [quoted_labels[label] for label in row.tolist()]
        yield _row(labels, [_NO_SCORE] * len(row) if result.scores is None else float_texts(result.scores[index]))


def _row(labels: list[str], scores: list[str]) -> str:
    return f"[{', '.join([f'[{label}, {score}]' for label, score in zip(labels, scores, strict=True)])}]"


class _QuotedLabels(dict[bytes, str]):
    """Caches the JSON text of each label."""

    def __missing__(self, label: bytes) -> str:
        text = self[label] = quoted(decoded(label))
        return text
