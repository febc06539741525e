"""The answers of `:classify` and `:regress`: `results`, one for each example."""

from __future__ import annotations

from lightship.errors import InvalidArgument
from lightship.services import Classifications, Regressions
from lightship.transports.rest.json_text import quoted
from lightship.transports.rest.json_values import decoded, encoded
from lightship.transports.rest.number_text import float_texts

_NO_LABEL, _NO_SCORE = '""', "0.0"


def classifications_document(result: Classifications) -> bytes:
    """`{"results": [[[label, score], ...], ...]}`. Raises InvalidArgument if there is no result."""
    labels, scores = _labels(result), _scores(result)
    count = len(labels or scores or ())
    if not count:
        raise InvalidArgument("Cannot convert empty ClassificationResults to JSON")
    rows = []
    for row in range(count):
        named = labels[row] if labels is not None else [_NO_LABEL] * len(scores[row])  # type: ignore[index]
        scored = scores[row] if scores is not None else [_NO_SCORE] * len(named)
        rows.append(f"[{', '.join([f'[{label}, {score}]' for label, score in zip(named, scored, strict=True)])}]")
    return _document(rows)


def regressions_document(result: Regressions) -> bytes:
    """`{"results": [value, ...]}`. Raises InvalidArgument if there is no result."""
    if not len(result.values):
        raise InvalidArgument("Cannot convert empty RegressionResults to JSON")
    return _document(float_texts(result.values))


def _labels(result: Classifications) -> list[list[str]] | None:
    if result.classes is None:
        return None
    return [[quoted(decoded(label)) for label in row] for row in result.classes.tolist()]


def _scores(result: Classifications) -> list[list[str]] | None:
    return None if result.scores is None else [float_texts(row) for row in result.scores]


def _document(results: list[str]) -> bytes:
    return encoded('{\n    "results": [' + ", ".join(results) + "\n    ]\n}")
