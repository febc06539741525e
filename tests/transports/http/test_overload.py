"""What is an overload, and what only looks like one; by a clock that the tests set."""

from __future__ import annotations

import pytest

from lightship.transports.http.overload import OverloadDetector

SLACK = 4


def driven(detector: OverloadDetector, seconds: float, arrivals: float, finished: float, start: float = 0.0) -> bool:
    """Arrivals and finished calls a second, evenly. Returns whether there was an overload at the end."""
    done = 0.0
    for number in range(int(seconds * arrivals)):
        detector.arrived(start + number / arrivals)
        while done < number / arrivals * finished:
            detector.finished()
            done += 1
    return detector.overloaded


@pytest.mark.parametrize(("seconds", "times"), [(0.5, 10.0), (0.5, 3.0), (1.5, 2.0), (4.0, 1.5)])
@pytest.mark.parametrize("finished", [100, 1000])
def test_a_lasting_excess_is_an_overload(finished: int, seconds: float, times: float) -> None:
    assert driven(OverloadDetector(SLACK), seconds, times * finished, finished)


@pytest.mark.parametrize("times", [0.5, 0.9, 1.0, 1.02])
def test_a_load_that_can_be_served_is_none(times: float) -> None:
    assert not driven(OverloadDetector(SLACK), 10.0, times * 200, 200)


def test_many_clients_at_once_are_none() -> None:
    detector = OverloadDetector(SLACK)
    for number in range(5000):
        detector.arrived(number / 50000)
    assert not driven(detector, 10.0, 100, 100, start=0.1)


def test_an_overload_ends_with_the_load() -> None:
    detector = OverloadDetector(SLACK)
    assert driven(detector, 1.0, 1000, 100)
    assert not driven(detector, 0.5, 50, 50, start=1.0)


def test_an_overload_is_forgotten_after_a_pause() -> None:
    detector = OverloadDetector(SLACK)
    assert driven(detector, 1.0, 1000, 100)
    detector.arrived(100.0)
    assert not detector.overloaded


def test_few_slow_calls_are_none() -> None:
    """Two a second that take two seconds each, on four threads."""
    assert not driven(OverloadDetector(SLACK), 10.0, 2.0, 2.0)
