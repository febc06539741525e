"""Which batches are worth it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.batching.plan import Plan

COSTS = {1: 1.0, 2: 1.2, 4: 2.0, 8: 3.9, 16: 7.7}


def test_the_largest_batch_is_the_last_that_is_measurably_cheaper() -> None:
    assert Plan(COSTS).largest == 4  # 8 rows cost hardly less than twice 4
    assert Plan({1: 1.0, 2: 1.99, 4: 3.97}).largest == 1
    assert Plan({1: 1.0, 2: 2.5, 4: 2.0}).largest == 4
    assert Plan({}).largest == Plan({2: 1.0}).largest == 1


def test_a_call_without_company_runs_alone() -> None:
    assert Plan(COSTS).take([1]) == (1, 1)
    assert Plan(COSTS).take([3]) == (1, 3)


def test_as_many_calls_are_taken_as_the_best_batch_holds() -> None:
    assert Plan(COSTS).take([1] * 9) == (4, 4)
    assert Plan(COSTS).take([1] * 2) == (2, 2)
    assert Plan(COSTS).take([2, 1, 1, 1]) == (3, 4)


def test_missing_rows_are_filled_up_only_where_that_is_cheaper() -> None:
    assert Plan({1: 1.0, 2: 1.01, 4: 1.02, 8: 1.03}).take([1] * 5) == (5, 8)
    assert Plan({1: 1.0, 2: 1.6, 4: 2.8, 8: 5.0}).take([1] * 5) == (4, 4)


def test_fewer_rows_than_the_fewest_are_not_joined() -> None:
    assert Plan(COSTS).fewest == 2
    assert Plan({1: 1.0, 2: 1.9, 4: 2.0, 8: 2.1}).fewest == 3
    assert Plan({1: 1e-5, 2: 1e-5, 4: 1e-5}).fewest == 3
    assert Plan({1: 1.0, 2: 2.0}).fewest > 1000


def test_calls_with_more_rows_than_any_batch_run_alone() -> None:
    assert Plan(COSTS).take([100, 1]) == (1, 100)
    assert Plan(COSTS).take([1, 100]) == (1, 1)


def test_nothing_is_joined_where_it_would_not_be_cheaper_than_the_calls_alone() -> None:
    assert Plan({1: 1.0, 2: 1.01, 4: 2.0, 8: 3.0}).take([2, 2, 2]) == (1, 2)


def test_a_joint_run_keeps_the_limit() -> None:
    assert Plan(COSTS).take([1] * 9, limit=1.5) == (2, 2)
    assert Plan(COSTS).take([1] * 9, limit=1.0) == (1, 1)


def test_the_saved_time_must_be_more_than_joining_takes() -> None:
    assert Plan({1: 1e-5, 2: 1e-5}).take([1, 1]) == (1, 1)
    assert Plan({1: 1e-3, 2: 1e-3}).take([1, 1]) == (2, 2)


@pytest.mark.parametrize(("rows", "seconds"), [(1, 1.0), (3, 1.6), (6, 2.95), (16, 7.7), (32, 15.4)])
def test_the_costs_of_other_numbers_of_rows_are_estimated(rows: int, seconds: float) -> None:
    assert Plan(COSTS).seconds(rows) == pytest.approx(seconds)


@given(
    st.dictionaries(st.sampled_from([1, 2, 4, 8, 16, 32, 64]), st.floats(1e-5, 1.0)),
    st.lists(st.integers(1, 70), min_size=1, max_size=70),
)
def test_a_batch_is_never_more_expensive_than_its_calls_alone(costs: dict[int, float], rows: list[int]) -> None:
    plan = Plan(costs)
    calls, size = plan.take(rows)
    if calls == 1:
        assert size == rows[0]
    else:
        assert sum(rows[:calls]) <= size
        assert costs[size] < sum(map(plan.seconds, rows[:calls]))
