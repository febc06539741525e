from __future__ import annotations

import re

import pytest
from tests.evaluation.comparisons import compared

from lightship.errors import InvalidArgument
from lightship.evaluation.comparison.requirements import check_metrics, check_requirement, parse_requirement
from lightship.evaluation.comparison.text import requirement_number
from lightship.evaluation.metrics import METRICS, values

LABELS = ["cat"] * 10 + ["dog"] * 10
# A is right 18 times, B 17 times: it loses two cats and gains a dog.
COMPARISON = compared(LABELS, ["cat"] * 10 + ["dog"] * 8 + ["eel"] * 2, ["cat"] * 8 + ["dog"] * 11 + ["eel"])


def passes(text: str) -> bool:
    return check_requirement(parse_requirement(text), COMPARISON).passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("accuracy >= -0.05", True),  # 0.85 - 0.9 is a little less than -0.05 in floats
        ("accuracy>=-0.049", False),
        ("accuracy > -0.05", False),
        ("accuracy >= +0", False),
        ("accuracy < -0", True),
        ("accuracy >= 0.85", True),
        ("accuracy >= 0.86", False),
        ("Accuracy >= .85", True),
        ("worst-class-recall >= 0.8", True),
        ("worst_class_recall >= -0", True),
        ("worst_class_change >= -0.2", True),
        ("worst_class_change >= -0.19", False),
        ("agreement >= 0.85", True),
        ("agreement >= 0.9", False),
        ("worse <= 2", True),
        ("worse < 2", False),
        ("better >= 1", True),
        ("changed <= 3", True),
        ("answered >= 1", True),
        ("macro_f1 >= \N{MINUS SIGN}0.1", True),
        ("log_loss <= +0.5", True),
        ("calibration_error <= 5e-1", True),
    ],
)
def test_a_requirement_is_met_or_not(text: str, passed: bool) -> None:
    assert passes(text) is passed


def test_a_number_with_a_sign_is_about_the_change_and_one_without_about_b() -> None:
    limits = ("-1", "0.1")
    change, value = (check_requirement(parse_requirement(f"accuracy >= {limit}"), COMPARISON) for limit in limits)
    assert (change.value, value.value) == pytest.approx((-0.05, 0.85))


@pytest.mark.parametrize(
    "text",
    ["", "accuracy", "accuracy 0.9", "accuracy == 1", "accuracy >= high", "accuracy >= 90%", ">= 1", "a >= 1; b"],
)
def test_what_is_not_a_requirement_gets_the_grammar(text: str) -> None:
    with pytest.raises(
        InvalidArgument, match=re.escape(f"{text!r} is not a requirement: ") + "a requirement is METRIC"
    ):
        parse_requirement(text)


def test_a_metric_alone_is_told_about_the_shell() -> None:
    with pytest.raises(InvalidArgument, match="quotation marks"):
        parse_requirement("accuracy")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("acuracy >= 0", "did you mean 'accuracy'"),
        ("speed >= 0", "is not a metric: The metrics are accuracy, "),
        ("accuracy >= 95", "write 0.95 for 95 %"),
        ("accuracy >= -5", "write -0.05 for -5 %"),
        ("agreement >= -0.01", "has no change from A to B"),
        ("worse <= 0.5", "a whole number"),
        ("worse <= -1", "a whole number"),
        ("worst_class_change >= -2", "from -1 to 1"),
        ("accuracy >= 0", "holds for every model: write 'accuracy >= +0' if B may not be lower than A"),
        ("macro-f1>=0.0", "'macro_f1 >= +0'"),
    ],
)
def test_a_wrong_metric_or_limit_says_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(advice)):
        parse_requirement(text)


def test_what_needs_labels_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(InvalidArgument, match="needs labels"):
        check_metrics([parse_requirement("accuracy >= 0.9")], labelled=False)
    check_metrics([parse_requirement("agreement >= 0.9"), parse_requirement("answered >= 1")], labelled=False)


def test_a_metric_without_a_value_is_an_error_with_the_reason() -> None:
    with pytest.raises(InvalidArgument, match="a model has at most 5 classes"):
        check_requirement(parse_requirement("top5_accuracy >= 0.9"), COMPARISON)


def test_a_value_that_nearly_reaches_its_limit_is_shown_with_more_digits() -> None:
    a, b = ["cat"] * 3000, ["cat"] * 2999 + ["dog"]
    many = compared(["cat"] * 3000, a, b)
    shown = [
        requirement_number(check_requirement(parse_requirement(text), many))
        for text in ("accuracy >= +0", "accuracy >= 1", "agreement >= 0.9")
    ]
    assert shown == ["-0.000333333", "0.999667", "1.000"]


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_each_metric_is_of_each_model_or_of_both(metric: object) -> None:
    assert metric in METRICS.values()
    assert (metric.of_each is None) != (metric.of_both is None)  # type: ignore[attr-defined]


def test_without_labels_there_are_values_only_for_what_needs_none() -> None:
    unlabelled = compared(None, ["cat", "dog"], ["cat", "eel"])
    for metric in METRICS.values():
        assert (values(metric, unlabelled)[2] is None) == metric.needs_labels
