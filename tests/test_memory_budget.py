from __future__ import annotations

import contextlib
import threading

import pytest

from lightship.errors import Cancelled, TooLarge, Unavailable
from lightship.memory_budget import NOT_COUNTED, UNCOUNTED, MemoryBudget

MB = 1 << 20


@pytest.fixture
def budget() -> MemoryBudget:
    return MemoryBudget(10 * MB)


def test_what_is_reserved_is_taken_until_it_is_released(budget: MemoryBudget) -> None:
    with budget.reservation() as one:
        one.grow(2 * MB)
        one.grow(MB)
        assert budget.taken == one.held == 3 * MB
        one.shrink(2 * MB)
        assert budget.taken == MB
    assert budget.taken == 0


def test_growing_to_a_total_reserves_what_is_missing(budget: MemoryBudget) -> None:
    one = budget.reservation()
    one.grow_to(MB)
    one.grow_to(MB // 2)
    one.grow_to(2 * MB)
    assert budget.taken == 2 * MB


def test_a_request_that_alone_exceeds_the_budget_is_too_large(budget: MemoryBudget) -> None:
    with pytest.raises(TooLarge, match=r"11534336 bytes.*10485760 bytes.*--memory-budget"):
        budget.reservation().grow(11 * MB)
    assert budget.taken == 0


def test_a_request_that_does_not_fit_beside_others_may_try_again(budget: MemoryBudget) -> None:
    other, one = budget.reservation(), budget.reservation()
    other.grow(6 * MB)
    one.grow(MB)
    with pytest.raises(Unavailable, match=r"5242881 bytes.* 4194304 bytes of the memory budget of 10485760") as refused:
        one.grow(4 * MB + 1)
    assert refused.value.retry_after == 1
    assert budget.taken == 7 * MB  # the refused amount was not taken
    one.grow(3 * MB)  # the very last byte
    other.release()
    one.grow(4 * MB)


def test_a_check_takes_nothing(budget: MemoryBudget) -> None:
    budget.check(10 * MB)
    with pytest.raises(TooLarge):
        budget.check(10 * MB + 1)
    budget.reservation().grow(MB)
    with pytest.raises(Unavailable):
        budget.check(10 * MB)
    assert budget.taken == MB


def test_the_hint_grows_with_the_time_for_which_memory_is_held(
    budget: MemoryBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("lightship.memory_budget.time.monotonic", lambda: now)
    for _ in range(3):
        one = budget.reservation()
        one.grow(9 * MB)
        now += 7.5
        one.release()
    budget.reservation().grow(9 * MB)
    with pytest.raises(Unavailable, match="Try again in 8 s") as refused:
        budget.reservation().grow(2 * MB)
    assert refused.value.retry_after == 8


def test_releasing_twice_gives_back_once(budget: MemoryBudget) -> None:
    other, one = budget.reservation(), budget.reservation()
    other.grow(MB)
    one.grow(MB)
    one.release()
    one.release()
    one.shrink(MB)
    assert budget.taken == MB


def test_a_few_bytes_are_counted_only_if_they_stay(budget: MemoryBudget) -> None:
    one = budget.reservation()
    one.grow(UNCOUNTED)
    assert budget.taken == 0
    one.keep()
    assert budget.taken == UNCOUNTED
    one.release()
    assert budget.taken == 0


def test_many_requests_that_stay_are_refused_however_small(budget: MemoryBudget) -> None:
    kept = [budget.reservation() for _ in range(10_000)]
    counted = 0
    with contextlib.suppress(Unavailable):
        for one in kept:
            one.keep(100)
            counted += 1
    assert 500 < counted < 1000
    assert budget.taken <= budget.size
    for one in kept:
        one.release()
    assert budget.taken == 0


def test_what_exists_already_is_counted_even_if_it_exceeds_the_budget(budget: MemoryBudget) -> None:
    one = budget.reservation()
    one.hold(12 * MB)
    assert budget.taken == 12 * MB
    one.hold(MB)
    assert budget.taken == MB


def test_memory_in_use_is_given_back_when_its_thread_has_finished(budget: MemoryBudget) -> None:
    one = budget.reservation()
    one.begin_use()
    one.grow(3 * MB)
    one.release()
    assert budget.taken == 3 * MB
    with pytest.raises(Cancelled):
        one.grow(MB)
    one.end_use(MB)
    assert budget.taken == 0


def test_the_end_of_a_use_leaves_what_is_still_held(budget: MemoryBudget) -> None:
    one = budget.reservation()
    one.begin_use()
    one.grow(3 * MB)
    one.end_use(MB)
    assert budget.taken == MB
    one.release()
    assert budget.taken == 0


def test_the_largest_size_is_reported_once_when_it_is_given_back() -> None:
    sizes: list[int] = []
    budget = MemoryBudget(10 * MB, sizes.append)
    with budget.reservation() as one:
        one.grow(5 * MB)
        one.shrink(4 * MB)
        one.begin_use()
    assert sizes == []
    one.end_use()
    one.release()
    assert sizes == [5 * MB]
    budget.reservation().release()  # it counted nothing
    assert sizes == [5 * MB]


def test_what_was_given_back_early_is_reported_too() -> None:
    sizes: list[int] = []
    with MemoryBudget(10 * MB, sizes.append).reservation() as one:
        one.begin_use()
        one.grow(5 * MB)
        one.end_use()
    assert sizes == [5 * MB]


def test_threads_do_not_lose_a_byte(budget: MemoryBudget) -> None:
    def work() -> None:
        for _ in range(2000):
            with budget.reservation() as one:
                one.grow(100_000)
                one.shrink(50_000)
                one.grow(200_000)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert budget.taken == 0


def test_outside_a_server_nothing_is_refused() -> None:
    NOT_COUNTED.grow(1 << 62)
    NOT_COUNTED.grow_to(1 << 62)
    NOT_COUNTED.release()
    NOT_COUNTED.grow(1)


def test_many_small_reservations_are_reported_as_one_large_one() -> None:
    reported: list[int] = []
    budget = MemoryBudget(100 * MB, reported.append)
    many = [budget.reservation() for _ in range(70)]
    for one in many:
        one.keep(MB)
    for one in many:
        one.release()
    assert reported[0] == 70 * MB
    assert reported[-1] == MB


def test_only_what_others_hold_is_counted_as_a_refusal(budget: MemoryBudget) -> None:
    with pytest.raises(TooLarge):
        budget.reservation().grow(11 * MB)
    assert budget.refusals == 0
    budget.reservation().grow(9 * MB)
    with pytest.raises(Unavailable):
        budget.reservation().grow(2 * MB)
    assert budget.refusals == 1
