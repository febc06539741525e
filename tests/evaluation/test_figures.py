"""The figures of answers: each equals scikit-learn's, and what cannot be defined is NaN."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from lightship.errors import InvalidArgument
from lightship.evaluation.figures import TOP, Figures, figures


def answers(photos: int, classes: int, seed: int, sharpness: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of a model that is right more often than not. Some classes have no photos."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, max(1, classes - classes // 4), photos)
    logits = rng.normal(size=(photos, classes))
    logits[np.arange(photos), truth] += 1.5
    scores = np.exp(sharpness * logits)
    return truth, scores / scores.sum(1, keepdims=True)


def of(truth: np.ndarray, probabilities: np.ndarray) -> Figures:
    return figures(truth, probabilities, [f"class {index}" for index in range(probabilities.shape[1])])


@pytest.mark.parametrize(("photos", "classes"), [(40, 2), (200, 10), (7, 10), (900, 300), (5, 6)])
def test_figures_equal_those_of_scikit_learn(photos: int, classes: int) -> None:
    truth, probabilities = answers(photos, classes, seed=photos)
    answered, every = probabilities.argmax(1), range(classes)
    found = of(truth, probabilities)

    assert found.photos == photos
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, answered))
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(truth, answered, labels=every))
    assert found.log_loss == pytest.approx(metrics.log_loss(truth, probabilities, labels=every))
    if classes > TOP:
        assert found.top5 == pytest.approx(metrics.top_k_accuracy_score(truth, probabilities, k=TOP, labels=every))
    per_class = metrics.precision_recall_fscore_support(truth, answered, labels=every, zero_division=np.nan)
    ours = [(one.precision, one.recall, one.f1, one.support) for one in found.per_class]
    np.testing.assert_allclose(np.array(ours).T, per_class)
    assert [one.answered for one in found.per_class] == [int((answered == index).sum()) for index in every]


@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("classes", [2, 10, 300])
def test_averages_equal_those_of_scikit_learn_over_the_classes_with_photos(average: str, classes: int) -> None:
    truth, probabilities = answers(60, classes, seed=classes)
    found = getattr(of(truth, probabilities), average)
    expected = metrics.precision_recall_fscore_support(
        truth, probabilities.argmax(1), labels=np.unique(truth), average=average, zero_division=0
    )
    np.testing.assert_allclose((found.precision, found.recall, found.f1), expected[:3])


@pytest.mark.parametrize("classes", [2, 10, 300])
def test_calibration_equals_that_of_scikit_learn(classes: int) -> None:
    truth, probabilities = answers(500, classes, seed=classes)
    right, confidence = probabilities.argmax(1) == truth, probabilities.max(1)
    found = of(truth, probabilities)
    accuracies, confidences = calibration_curve(right, confidence, n_bins=10)
    filled = [one for one in found.calibration if one.count]
    np.testing.assert_allclose([one.accuracy for one in filled], accuracies)
    np.testing.assert_allclose([one.confidence for one in filled], confidences)
    counts = np.array([one.count for one in filled])
    assert counts.sum() == 500
    error = np.average(np.abs(accuracies - confidences), weights=counts)
    assert found.expected_calibration_error == pytest.approx(error)


@pytest.mark.parametrize(("right", "photos"), [(0, 3), (3, 3), (37, 50), (1, 1)])
def test_the_interval_of_the_accuracy_equals_that_of_scipy(right: int, photos: int) -> None:
    truth = np.zeros(photos, np.int64)
    probabilities = np.where(np.arange(photos)[:, np.newaxis] < right, [[0.9, 0.1]], [[0.2, 0.8]])
    low, high = of(truth, probabilities).accuracy_interval
    expected = binomtest(right, photos).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_probabilities_of_exactly_0_and_1_have_a_finite_log_loss_as_in_scikit_learn() -> None:
    probabilities = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    truth = np.array([0, 1, 0])
    assert of(truth, probabilities).log_loss == pytest.approx(metrics.log_loss(truth, probabilities), rel=1e-6)


def test_a_class_that_was_never_answered_has_no_precision() -> None:
    found = of(np.array([0, 0, 1]), np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.7, 0.3, 0]]))
    assert math.isnan(found.per_class[1].precision)
    assert (found.per_class[1].recall, found.per_class[1].f1) == (0.0, 0.0)
    assert all(map(math.isnan, (found.per_class[2].precision, found.per_class[2].recall, found.per_class[2].f1)))
    assert found.macro.recall == 0.5  # of the two classes that have photos


def test_without_photos_figures_are_nan_and_counts_are_0() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = figures(np.zeros(0, np.int64), np.zeros((0, 7), np.float32), "abcdefg")
    assert (found.photos, found.confusion.sum(), sum(one.count for one in found.calibration)) == (0, 0, 0)
    undefined = (found.accuracy, *found.accuracy_interval, found.top5, found.macro.f1, found.weighted.f1)
    assert all(map(math.isnan, (*undefined, found.expected_calibration_error, found.log_loss)))


def test_one_class_that_is_always_right() -> None:
    found = figures(np.zeros(4, np.int64), np.ones((4, 1), np.float32), ["only"])
    assert (found.accuracy, found.macro.f1, found.expected_calibration_error) == (1, 1, 0)
    assert found.log_loss == pytest.approx(0, abs=1e-6)


def test_nan_counts_as_a_probability_of_0() -> None:
    found = of(np.array([1, 0]), np.array([[np.nan, 0.4], [np.nan, np.nan]], np.float32))
    np.testing.assert_array_equal(found.confusion, [[1, 0], [0, 1]])
    assert math.isfinite(found.log_loss)


def test_of_equal_probabilities_the_first_class_is_the_answer() -> None:
    found = of(np.array([0, 5, 6]), np.full((3, 7), 1 / 7))
    assert [one.answered for one in found.per_class] == [3, 0, 0, 0, 0, 0, 0]
    assert found.top5 == pytest.approx(1 / 3)  # the first five


@pytest.mark.parametrize(
    ("truth", "probabilities", "classes", "reason"),
    [
        ([0], [[0.5, 0.5]], [], "there are no classes"),
        ([0, 1], [[0.5, 0.5]], ["a", "b"], "do not fit together"),
        ([0], [[0.5, 0.5]], ["a"], "do not fit together"),
        ([2], [[0.5, 0.5]], ["a", "b"], "label 2 is the index of no class"),
        ([-1], [[0.5, 0.5]], ["a", "b"], "label -1 is the index of no class"),
        ([0.0], [[0.5, 0.5]], ["a", "b"], "dtype float64"),
        ([0], [[1, 0]], ["a", "b"], "dtype int64"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    truth: list[float], probabilities: list[list[float]], classes: list[str], reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        figures(np.array(truth), np.array(probabilities), classes)
