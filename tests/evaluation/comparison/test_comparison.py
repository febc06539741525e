from __future__ import annotations

import unicodedata

import pytest
from scipy.stats import binomtest
from tests.evaluation.comparisons import compared, paths, side

from lightship.errors import InvalidArgument
from lightship.evaluation.comparison.comparison import Outcome, compare_answers, mcnemar

LABELS = ["cat", "cat", "dog", "dog", "eel"]


def test_the_same_answers_agree_and_nothing_changes() -> None:
    found = compared(LABELS, LABELS, LABELS)
    assert (found.agreement, found.changed, found.p_value) == (1.0, (), 1.0)
    assert [one.recall_change for one in found.class_changes] == [0, 0, 0]
    assert not any(one.is_changed for one in found.class_changes)


def test_changed_answers_are_worse_better_or_neither_and_worse_ones_come_first() -> None:
    found = compared(LABELS, ["cat", "dog", "dog", "cat", "eel"], ["cat", "cat", "cat", "eel", "eel"])
    assert [(one.path.name, one.outcome) for one in found.changed] == [
        ("2.jpg", Outcome.WORSE),
        ("1.jpg", Outcome.BETTER),
        ("3.jpg", Outcome.NEITHER),
    ]
    assert found.agreement == pytest.approx(0.4)
    assert [found.count(one) for one in Outcome] == [1, 1, 1, 0]


def test_without_labels_only_the_agreement_is_known() -> None:
    found = compared(None, ["cat", "dog"], ["cat", "eel"])
    assert (found.agreement, found.figures, found.p_value, found.class_changes) == (0.5, None, None, ())
    assert [one.outcome for one in found.changed] == [Outcome.UNKNOWN]


def test_a_photo_that_one_model_refuses_counts_as_wrong_and_is_listed() -> None:
    found = compared(["cat", "dog"], ["cat", "dog"], ["cat", None])
    assert found.figures is not None
    assert [one.accuracy for one in found.figures] == [1.0, 0.5]
    assert found.agreement == 0.5
    assert [(one.path.name, one.outcome, one.b) for one in found.changed] == [("1.jpg", Outcome.WORSE, None)]
    assert [(one.path.name, one.side, one.reason) for one in found.refused] == [
        ("1.jpg", "B", "the image is truncated")
    ]


def test_a_photo_that_both_models_refuse_is_left_out() -> None:
    found = compared(["cat", "dog"], ["cat", None], ["cat", None])
    assert (len(found.photos), found.left_out, found.agreement) == (1, 1, 1.0)
    assert [one.side for one in found.refused] == ["A", "B"]


def test_refusing_every_photo_is_an_error_with_the_reasons() -> None:
    with pytest.raises(InvalidArgument, match=r"both models refuse all photos.*0\.jpg.*A: the image is truncated"):
        compared(["cat"], [None], [None])


def test_no_photos_are_an_error() -> None:
    with pytest.raises(InvalidArgument, match="no photos"):
        compared([], [], [])


def test_a_label_that_no_model_knows_is_an_error_with_the_class_that_was_meant() -> None:
    with pytest.raises(InvalidArgument, match=r"'Dogs' \(2 photos; did you mean 'dog'\?\), 'zebra' \(1 photo\)"):
        compared(["Dogs", "cat", "zebra", "Dogs"], ["dog"] * 4, ["dog"] * 4)


def test_many_unknown_labels_are_counted() -> None:
    labels = [f"label {index}" for index in range(8)]
    with pytest.raises(InvalidArgument, match=r"and 3 more\. Rename"):
        compared(labels, ["dog"] * 8, ["dog"] * 8)


def test_photos_of_unknown_labels_can_be_left_out() -> None:
    found = compared(["dog", "zebra", "zebra"], ["dog", "cat", "cat"], ["dog", "dog", "dog"], ignore_unknown=True)
    assert (len(found.photos), found.ignored, found.agreement) == (1, {"zebra": 2}, 1.0)


def test_leaving_out_every_photo_is_an_error() -> None:
    with pytest.raises(InvalidArgument, match="neither model knows any of the labels"):
        compared(["zebra"], ["dog"], ["dog"], ignore_unknown=True)


def test_classes_that_one_model_knows_are_named_and_their_photos_count() -> None:
    a, b = side("A", ["cat", "cat"], ("cat", "dog")), side("B", ["cat", "owl"], ("owl", "cat"))
    found = compare_answers(paths(2), ["cat", "owl"], a, b)
    assert (found.only_a, found.only_b) == (("dog",), ("owl",))
    assert found.figures is not None
    assert [one.accuracy for one in found.figures] == [0.5, 1.0]


def test_classes_are_compared_by_name_and_not_by_index() -> None:
    a, b = side("A", ["cat", "dog"], ("cat", "dog")), side("B", ["cat", "dog"], ("dog", "cat"))
    assert compare_answers(paths(2), ["cat", "dog"], a, b).agreement == 1.0


def test_accents_of_a_folder_are_those_of_the_class() -> None:
    a = side("A", ["Mästiff"], (unicodedata.normalize("NFC", "Mästiff"), "cat"))
    found = compare_answers(paths(1), [unicodedata.normalize("NFD", "Mästiff")], a, a)
    assert found.figures is not None
    assert found.figures[0].accuracy == 1.0


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (1, 1), (0, 5), (3, 9), (40, 22), (600, 500)])
def test_the_p_value_is_that_of_scipy(worse: int, better: int) -> None:
    expected = binomtest(worse, worse + better).pvalue if worse + better else 1.0
    assert mcnemar(worse, better) == pytest.approx(expected, rel=1e-9)
