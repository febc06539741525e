"""`results`, byte for byte."""

from __future__ import annotations

import numpy as np
import pytest

from lightship.errors import InvalidArgument
from lightship.services import Classifications, Regressions
from lightship.transports.rest.endpoints.results import classifications_document, regressions_document

LABELS = np.array([[b"car", b'"bike"'], [b"\xff", b""]], object)
SCORES = np.array([[0.2, 1 / 3], [1.0, np.nan]], np.float32)


def test_labels_with_scores() -> None:
    assert classifications_document(Classifications("s", LABELS, SCORES)) == (
        b'{\n    "results": [[["car", 0.2], ["\\"bike\\"", 0.333333343]], [["\xff", 1.0], ["", NaN]]\n    ]\n}'
    )


def test_scores_alone_have_empty_labels() -> None:
    assert classifications_document(Classifications("s", None, SCORES[:1])) == (
        b'{\n    "results": [[["", 0.2], ["", 0.333333343]]\n    ]\n}'
    )


def test_labels_alone_have_scores_of_zero() -> None:
    assert classifications_document(Classifications("s", LABELS[:1], None)) == (
        b'{\n    "results": [[["car", 0.0], ["\\"bike\\"", 0.0]]\n    ]\n}'
    )


def test_an_example_without_classes_is_an_empty_list() -> None:
    scores = np.empty((2, 0), np.float32)
    assert classifications_document(Classifications("s", None, scores)) == b'{\n    "results": [[], []\n    ]\n}'


def test_numbers() -> None:
    values = np.array([0.2, 42.0, np.inf], np.float32)
    assert regressions_document(Regressions("s", values)) == b'{\n    "results": [0.2, 42.0, Infinity]\n}'


def test_nothing_cannot_be_written() -> None:
    with pytest.raises(InvalidArgument, match="^Cannot convert empty ClassificationResults to JSON$"):
        classifications_document(Classifications("s", None, SCORES[:0]))
    with pytest.raises(InvalidArgument, match="^Cannot convert empty RegressionResults to JSON$"):
        regressions_document(Regressions("s", np.empty(0, np.float32)))
