"""When a setting counts as better than the default."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lightship.errors import InvalidArgument
from lightship.tuning.decision import decide
from lightship.tuning.load import Turn
from lightship.tuning.objective import MAX_RATIO, Objective, parse_limit

THROUGHPUT, LATENCY = Objective(), Objective("latency")


def turn(rate: float, seconds: float = 0.01) -> Turn:
    return Turn(rate, seconds / 2, seconds, 2 * seconds, 100)


def turns(*rates: float) -> list[dict[int, Turn]]:
    return [{4: turn(rate)} for rate in rates]


def better(tried: Sequence[float], default: Sequence[float]) -> bool:
    return decide(THROUGHPUT, turns(*tried), turns(*default)).better


def test_a_setting_that_wins_each_repeat_is_better() -> None:
    found = decide(THROUGHPUT, turns(120, 119, 121, 123, 118), turns(100, 101, 99, 100, 100))
    assert found.better
    assert found.median == pytest.approx(1.2, abs=0.01)
    assert found.spread < 0.05
    assert found.reason.startswith("+20.0 %")


def test_a_gain_within_the_spread_is_noise() -> None:
    found = decide(THROUGHPUT, turns(110, 70, 150, 112, 60), turns(100, 100, 100, 100, 100))
    assert found.median > 1.05
    assert not found.better
    assert "no more than noise" in found.reason


def test_equal_settings_and_tiny_gains_are_not_better() -> None:
    assert not better([100] * 5, [100] * 5)
    assert not better([101] * 5, [100] * 5)  # steady, but too little to depend on a file for
    assert not better([90] * 5, [100] * 5)


def test_what_loses_at_one_number_of_callers_is_not_better() -> None:
    tried = [{1: turn(80), 16: turn(300)}] * 5
    default = [{1: turn(100), 16: turn(100)}] * 5
    found = decide(THROUGHPUT, tried, default)
    assert found.median > 1.5
    assert not found.better
    assert "it loses 20 % at 1 caller," in found.reason


def test_the_latency_is_that_of_95_of_100_calls() -> None:
    fast, slow = [{1: turn(100, 0.01)}] * 5, [{1: turn(100, 0.02)}] * 5
    assert decide(LATENCY, fast, slow).better
    assert not decide(LATENCY, slow, fast).better
    assert not decide(THROUGHPUT, fast, slow).better


def test_a_limit_asks_for_the_highest_rate_that_keeps_it() -> None:
    limited = Objective("throughput", *parse_limit("p99=30ms"))
    steady, crowded = turn(100, 0.01), turn(300, 0.04)
    assert limited.score({1: steady, 16: crowded}) == 100
    assert limited.score({16: crowded}) == 0
    assert limited.ratio({1: steady}, {1: crowded}) == MAX_RATIO
    assert limited.ratio({1: crowded}, {1: crowded}) == 1
    assert str(limited) == "the highest rate with p99 within 30 ms"


@pytest.mark.parametrize(
    ("text", "found"), [("p99=20ms", (99, 0.02)), ("p50=1.5s", (50, 1.5)), ("p95 = 7.5ms", (95, 0.0075))]
)
def test_limits_are_read(text: str, found: tuple[int, float]) -> None:
    assert parse_limit(text) == pytest.approx(found)


@pytest.mark.parametrize("text", ["", "20ms", "p99", "p90=20ms", "p99=20", "p99=0ms", "p99=-1ms", "p99=20ms,p50=1ms"])
def test_other_texts_are_no_limits(text: str) -> None:
    with pytest.raises(InvalidArgument, match="p99=20ms"):
        parse_limit(text)
