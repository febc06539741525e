"""The figures of one side, against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics
from tests.evaluation.comparisons import scored, side

from lightship.evaluation.comparison.side_figures import side_figures

CLASSES = [f"class {index}" for index in range(8)]


def test_all_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.full(8, 0.3), 200).astype(np.float32)
    truth = np.where(
        random.random(200) < 0.5, scores.argmax(1) % 7, random.integers(0, 7, 200)
    )  # none of the last class
    labels = [CLASSES[index] for index in truth]
    given = [CLASSES[index] for index in scores.argmax(1)]
    found = side_figures(labels, scored("A", CLASSES, scores))
    present = CLASSES[:7]
    options = {"labels": present, "zero_division": 0}
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, given))
    assert found.top5_accuracy == pytest.approx(metrics.top_k_accuracy_score(truth, scores, k=5, labels=np.arange(8)))
    for average, score in (
        (found.macro_precision, metrics.precision_score),
        (found.macro_recall, metrics.recall_score),
        (found.macro_f1, metrics.f1_score),
    ):
        assert average == pytest.approx(score(labels, given, average="macro", **options))
    assert [one.label for one in found.per_class] == present
    assert [one.recall for one in found.per_class] == pytest.approx(
        metrics.recall_score(labels, given, average=None, **options)
    )
    assert found.worst_class_recall == min(one.recall for one in found.per_class)
    assert found.log_loss == pytest.approx(metrics.log_loss(truth, scores, labels=np.arange(8)), rel=1e-5)
    assert found.calibration_error is not None
    assert 0 <= found.calibration_error <= 1


def test_a_class_that_was_never_answered_has_no_precision_and_counts_as_zero() -> None:
    found = side_figures(["cat", "dog"], side("A", ["cat", "cat"]))
    assert math.isnan(found.per_class[1].precision)
    assert found.macro_precision == 0.25


def test_a_class_with_one_photo_has_figures() -> None:
    assert [one.recall for one in side_figures(["cat"], side("A", ["cat"])).per_class] == [1.0]


def test_five_classes_have_no_top5() -> None:
    assert side_figures(["a"], side("A", ["a"], "abcde")).top5_accuracy is None
    assert side_figures(["a"], side("A", ["a"], "abcdef")).top5_accuracy == 1.0


def test_a_refused_photo_is_in_nobodys_top5() -> None:
    assert side_figures(["a", "a"], side("A", ["a", None], "abcdef")).top5_accuracy == 0.5


def test_a_label_that_the_model_does_not_know_is_wrong_and_without_a_loss() -> None:
    found = side_figures(["cat", "owl"], side("A", ["cat", "cat"]))
    assert (found.accuracy, found.worst_class_recall) == (0.5, 0.0)
    assert found.log_loss == pytest.approx(-math.log(0.8))


def test_scores_that_are_no_probabilities_have_no_loss() -> None:
    found = side_figures(["cat"], scored("A", ["cat", "dog"], np.array([[7.0, -3.0]])))
    assert (found.accuracy, found.log_loss, found.calibration_error) == (1.0, None, None)
