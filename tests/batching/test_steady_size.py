"""Short runs keep their number of rows, because a change costs more than a few rows too many."""

from __future__ import annotations

from lightship.batching.plan import Plan
from lightship.batching.steady_size import SteadySize

MICROSECOND = 1e-6
COSTS = {1: 20 * MICROSECOND, 4: 30 * MICROSECOND, 8: 31 * MICROSECOND, 16: 45 * MICROSECOND}


def sizes_of(*wanted: tuple[int, int]) -> list[int]:
    """Returns the numbers of rows that are run, given the rows of each run and the best number for them."""
    steady, plan = SteadySize(), Plan(COSTS)
    return [steady.choose(plan, rows, best) for rows, best in wanted]


def test_runs_of_about_the_same_cost_keep_their_number_of_rows() -> None:
    assert sizes_of((7, 8), (3, 4), (5, 8), (3, 4)) == [8, 8, 8, 8]


def test_a_run_of_more_rows_than_the_last_one_gets_as_many_as_it_needs() -> None:
    assert sizes_of((3, 4), (7, 8)) == [4, 8]


def test_a_run_that_would_cost_much_more_changes_the_number_of_rows() -> None:
    steady, plan = SteadySize(), Plan({**COSTS, 16: 60 * MICROSECOND})
    assert [steady.choose(plan, 16, 16), steady.choose(plan, 3, 4)] == [16, 4]


def test_the_number_of_rows_changes_when_keeping_it_has_cost_as_much_as_a_change() -> None:
    assert sizes_of((16, 16), *[(3, 4)] * 4) == [16, 16, 4, 4, 4]
    # A run that needs the larger number in between starts the account again.
    assert sizes_of((16, 16), (3, 4), (16, 16), (3, 4), (16, 16)) == [16] * 5
