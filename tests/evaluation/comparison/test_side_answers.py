from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from lightship.evaluation.comparison.side_answers import Answer, AnswerTable, SideAnswers


@pytest.fixture
def answers() -> SideAnswers:
    table = AnswerTable("m")
    table.add(("b", "a"), (0.75, 0.25))
    table.refuse("too small")
    table.add(("a", "c", "b"), (0.5, 0.3, 0.2))
    return table.table()


def test_scores_are_put_under_their_classes(answers: SideAnswers) -> None:
    assert answers.classes == ("b", "a", "c")
    np.testing.assert_allclose(answers.scores[[0, 2]], [[0.75, 0.25, 0.0], [0.2, 0.5, 0.3]])


def test_a_refused_photo_has_no_answer(answers: SideAnswers) -> None:
    assert answers.answer(1) is None
    assert answers.refusals == {1: "too small"}
    assert answers.answered.tolist() == [True, False, True]
    assert np.isnan(answers.scores[1]).all()


def test_an_answer_is_the_best_class(answers: SideAnswers) -> None:
    assert answers.answer(2) == Answer("a", 0.5)


def test_the_first_of_equal_classes_is_the_answer() -> None:
    table = AnswerTable("m", ("a", "b"))
    table.add(("b", "a"), (0.5, 0.5))
    assert table.table().answer(0) == Answer("a", 0.5)


def test_photos_that_are_taken_count_anew(answers: SideAnswers) -> None:
    taken = answers.take([1, 2])
    assert (taken.answer(0), taken.answer(1)) == (None, Answer("a", 0.5))


def test_accents_are_composed() -> None:
    table = AnswerTable("m")
    table.add((unicodedata.normalize("NFD", "Mästiff"),), (1.0,))
    assert table.classes == (unicodedata.normalize("NFC", "Mästiff"),)
