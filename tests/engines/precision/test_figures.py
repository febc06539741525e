"""The largest difference and the agreement of best classes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightship.engines.precision.figures import Figures, compare_answers


def answer(*rows: list[float]) -> dict[str, np.ndarray]:
    return {"scores": np.array(rows, np.float32)}


def test_equal_answers_differ_by_nothing_and_all_agree() -> None:
    found = compare_answers(answer([0.1, 0.9], [0.8, 0.2]), answer([0.1, 0.9], [0.8, 0.2]))
    assert found == Figures(0.0, 2, 2)
    assert found.agreement == 1.0


def test_the_difference_is_a_share_of_the_outputs_largest_number() -> None:
    assert compare_answers(answer([20.0, 10.0]), answer([20.0, 11.0])).difference == pytest.approx(0.05)


def test_a_row_with_another_best_class_does_not_agree() -> None:
    found = compare_answers(answer([0.51, 0.49], [0.9, 0.1]), answer([0.49, 0.51], [0.9, 0.1]))
    assert (found.agreeing, found.rows) == (1, 2)
    assert not found.within(1.0, 0.98)
    assert str(found) == "largest difference 0.0222, top-1 agreement 1 of 2 (50 %)"


def test_almost_all_is_never_shown_as_all() -> None:
    assert "99.9 %" in str(Figures(0.0, 9999, 10000))


@pytest.mark.parametrize("got", [answer([math.nan, 0.1]), answer([math.inf, 0.1]), answer([0.1]), {}])
def test_what_cannot_be_compared_differs_without_bound(got: dict[str, np.ndarray]) -> None:
    found = compare_answers(answer([0.9, 0.1]), got)
    assert found.difference == math.inf
    assert not found.within(1e9, 0.0)


def test_whole_numbers_and_texts_agree_where_they_are_equal() -> None:
    wanted = {"class": np.array([1, 2]), "name": np.array([b"a", b"b"], object)}
    found = compare_answers(wanted, {"class": np.array([1, 3]), "name": np.array([b"a", b"b"], object)})
    assert (found.agreeing, found.rows, found.difference) == (3, 4, 0.0)


def test_outputs_of_one_number_have_no_agreement() -> None:
    found = compare_answers(answer([0.5], [0.7]), answer([0.5], [0.7]))
    assert found.within(0.0, 1.0)
    assert "not defined" in str(found)


def test_figures_of_several_samples_add_up() -> None:
    assert Figures(0.1, 1, 2) + Figures(0.3, 4, 4) == Figures(0.3, 5, 6)
